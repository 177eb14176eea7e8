"""The wire as data: every structure, operation, event and decision of SWF, and how they are read and written."""
