package interop;

import com.amazonaws.services.simpleworkflow.flow.ActivityWorker;
import com.amazonaws.services.simpleworkflow.flow.StartWorkflowOptions;
import com.amazonaws.services.simpleworkflow.flow.WorkflowWorker;
import com.amazonaws.services.simpleworkflow.flow.common.WorkflowExecutionUtils;
import com.amazonaws.services.simpleworkflow.flow.model.WorkflowExecution;
import java.time.Duration;
import java.util.List;
import software.amazon.awssdk.services.swf.SwfClient;
import software.amazon.awssdk.services.swf.model.ChildPolicy;
import software.amazon.awssdk.services.swf.model.HistoryEvent;

/** A timer of 30 days in a test with the Flow framework, against a service of its own. */
public final class ThirtyDays {

  private static final String DOMAIN = "reminders";
  private static final String DECIDERS = "deciders";
  private static final long RUN_SECONDS = 60;

  public static void main(String[] arguments) throws Exception {
    int status = 1;
    try (LocalService service = new LocalService()) {
      run(service, service.client());
      status = 0;
    } catch (Throwable failure) {
      failure.printStackTrace();
    }
    System.exit(status); // the workers' long polls are still open
  }

  private static void run(LocalService service, SwfClient client) throws Exception {
    ActivityWorker worker = new ActivityWorker(client, DOMAIN, "work");
    worker.setRegisterDomain(true);
    worker.setDomainRetentionPeriodInDays(90);
    worker.addActivitiesImplementation(new OrderActivitiesImpl());
    worker.start();
    WorkflowWorker decider = new WorkflowWorker(client, DOMAIN, DECIDERS);
    decider.addWorkflowImplementationType(ReminderWorkflowImpl.class);
    decider.start();

    service.skip(DOMAIN);
    lead(client, "reminder-1"); // while classes are loaded
    lead(client, "reminder-2");
  }

  private static void lead(SwfClient client, String workflowId) throws Exception {
    ReminderWorkflowClientExternal reminder =
        new ReminderWorkflowClientExternalFactoryImpl(client, DOMAIN).getClient(workflowId);
    reminder.remind(
        "Ada", new StartWorkflowOptions().withTaskList(DECIDERS).withChildPolicy(ChildPolicy.TERMINATE));
    WorkflowExecution execution = reminder.getWorkflowExecution();
    String status =
        WorkflowExecutionUtils.waitForWorkflowInstanceCompletion(client, DOMAIN, execution, RUN_SECONDS);
    require("COMPLETED".equals(status), "closed as " + status);
    List<HistoryEvent> events = eventsOf(client, execution);
    Duration lived =
        Duration.between(events.get(0).eventTimestamp(), events.get(events.size() - 1).eventTimestamp());
    require(lived.toDays() == 30, "it lasted " + lived);
    System.out.println(workflowId + ": 30 days passed in " + lived.minusDays(30).toMillis() + " ms");
  }

  private static List<HistoryEvent> eventsOf(SwfClient client, WorkflowExecution execution) {
    return client
        .getWorkflowExecutionHistory(
            request ->
                request
                    .domain(DOMAIN)
                    .execution(
                        run -> run.workflowId(execution.getWorkflowId()).runId(execution.getRunId())))
        .events();
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new AssertionError(message);
    }
  }
}
