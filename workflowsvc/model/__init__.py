"""The wire as data: every structure, operation, event and decision of SWF, how it is read and written."""
