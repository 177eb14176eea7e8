package interop;

import com.amazonaws.services.simpleworkflow.flow.DecisionContextProviderImpl;
import com.amazonaws.services.simpleworkflow.flow.WorkflowClock;
import com.amazonaws.services.simpleworkflow.flow.core.Functor;
import com.amazonaws.services.simpleworkflow.flow.core.Promise;
import com.amazonaws.services.simpleworkflow.flow.core.Settable;

/** The decider's code; the framework replays it against the history at every decision task. */
public class OrderWorkflowImpl implements OrderWorkflow {

  private static final long REST_SECONDS = 1;
  // How a decider differs that has changed.
  private static final String CHANGED = System.getenv().getOrDefault("CHANGED", "");

  private final OrderActivitiesClient activities = new OrderActivitiesClientImpl();
  private final WorkflowClock clock =
      new DecisionContextProviderImpl().getDecisionContext().getWorkflowClock();
  private final Settable<String> word = new Settable<>();
  private String state = "new";

  @Override
  public Promise<String> order(String customer, int cents) {
    Promise<String> receipt =
        switch (CHANGED) {
          case "missing" -> Promise.asPromise("nothing");
          case "input" -> activities.charge(customer, cents + 1);
          default -> activities.charge(customer, cents);
        };
    Promise<Void> rested =
        new Functor<>(receipt) {
          @Override
          protected Promise<Void> doExecute() {
            state = "charged";
            return clock.createTimer(REST_SECONDS);
          }
        };
    return new Functor<>(rested, word) {
      @Override
      protected Promise<String> doExecute() {
        state = "confirmed: " + word.get();
        return activities.ship(receipt.get());
      }
    };
  }

  @Override
  public void confirm(String said) {
    word.set(said);
  }

  @Override
  public String state() {
    return state;
  }
}
