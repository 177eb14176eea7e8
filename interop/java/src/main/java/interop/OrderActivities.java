package interop;

import com.amazonaws.services.simpleworkflow.flow.annotations.Activities;
import com.amazonaws.services.simpleworkflow.flow.annotations.ActivityRegistrationOptions;

/** The two activities of an order. The annotation processor writes the client that the workflow calls. */
@Activities(version = "1")
@ActivityRegistrationOptions(
    defaultTaskScheduleToStartTimeoutSeconds = 60,
    defaultTaskStartToCloseTimeoutSeconds = 60,
    defaultTaskList = "work")
public interface OrderActivities {

  String charge(String customer, int cents);

  String ship(String receipt);
}
