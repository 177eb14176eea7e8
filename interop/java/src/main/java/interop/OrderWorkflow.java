package interop;

import com.amazonaws.services.simpleworkflow.flow.annotations.Execute;
import com.amazonaws.services.simpleworkflow.flow.annotations.GetState;
import com.amazonaws.services.simpleworkflow.flow.annotations.Signal;
import com.amazonaws.services.simpleworkflow.flow.annotations.Workflow;
import com.amazonaws.services.simpleworkflow.flow.annotations.WorkflowRegistrationOptions;
import com.amazonaws.services.simpleworkflow.flow.core.Promise;

/** An order: charge, wait, wait for the customer's word, ship. */
@Workflow
@WorkflowRegistrationOptions(
    defaultExecutionStartToCloseTimeoutSeconds = 300,
    defaultTaskStartToCloseTimeoutSeconds = 30)
public interface OrderWorkflow {

  @Execute(version = "1")
  Promise<String> order(String customer, int cents);

  @Signal
  void confirm(String word);

  @GetState
  String state();
}
