package interop;

import com.amazonaws.services.simpleworkflow.flow.DecisionContextProviderImpl;
import com.amazonaws.services.simpleworkflow.flow.WorkflowClock;
import com.amazonaws.services.simpleworkflow.flow.core.Functor;
import com.amazonaws.services.simpleworkflow.flow.core.Promise;

/** The decider's code. */
public class ReminderWorkflowImpl implements ReminderWorkflow {

  static final long PATIENCE_SECONDS = 30 * 86_400;

  private final OrderActivitiesClient activities = new OrderActivitiesClientImpl();
  private final WorkflowClock clock =
      new DecisionContextProviderImpl().getDecisionContext().getWorkflowClock();

  @Override
  public Promise<String> remind(String customer) {
    Promise<Void> waited = clock.createTimer(PATIENCE_SECONDS);
    return new Functor<>(waited) {
      @Override
      protected Promise<String> doExecute() {
        return activities.ship(customer + " reminded");
      }
    };
  }
}
