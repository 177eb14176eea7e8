"""The APIs that a server answers: a new one gets a line here."""

from __future__ import annotations

from workflowsvc.service.actions import SWF
from workflowsvc.service.own.actions import OWN
from workflowsvc.service.service_model import ServiceModels

MODELS = ServiceModels([SWF, OWN])
