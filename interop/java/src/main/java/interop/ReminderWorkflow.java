package interop;

import com.amazonaws.services.simpleworkflow.flow.annotations.Execute;
import com.amazonaws.services.simpleworkflow.flow.annotations.Workflow;
import com.amazonaws.services.simpleworkflow.flow.annotations.WorkflowRegistrationOptions;
import com.amazonaws.services.simpleworkflow.flow.core.Promise;

/** Waits for 30 days, then ships. */
@Workflow
@WorkflowRegistrationOptions(
    defaultExecutionStartToCloseTimeoutSeconds = 31536000,
    defaultTaskStartToCloseTimeoutSeconds = 30)
public interface ReminderWorkflow {

  @Execute(version = "1")
  Promise<String> remind(String customer);
}
