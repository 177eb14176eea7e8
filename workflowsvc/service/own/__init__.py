"""The actions of the service's own API: what SWF has no call for.

`actions.py` has the table; each other file is about one subject. The shapes are generated from the service model in
`workflowsvc/model/aws-models`.
"""
