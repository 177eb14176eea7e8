package interop;

import com.amazonaws.services.simpleworkflow.flow.ActivityWorker;
import com.amazonaws.services.simpleworkflow.flow.AffinityWorkflowWorker;
import com.amazonaws.services.simpleworkflow.flow.StartWorkflowOptions;
import com.amazonaws.services.simpleworkflow.flow.WorkflowWorker;
import com.amazonaws.services.simpleworkflow.flow.common.WorkflowExecutionUtils;
import com.amazonaws.services.simpleworkflow.flow.config.DeciderAffinityConfig;
import com.amazonaws.services.simpleworkflow.flow.config.SimpleWorkflowClientConfig;
import com.amazonaws.services.simpleworkflow.flow.model.WorkflowExecution;
import com.amazonaws.services.simpleworkflow.flow.worker.AsyncDecider;
import com.github.benmanes.caffeine.jcache.spi.CaffeineCachingProvider;
import java.time.Duration;
import java.util.List;
import javax.cache.Cache;
import javax.cache.Caching;
import javax.cache.configuration.MutableConfiguration;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.services.swf.SwfClient;
import software.amazon.awssdk.services.swf.model.ChildPolicy;

/**
 * Leads the same order to its end three times: with plain workers, with an affinity worker that keeps
 * the decider between decision tasks, and with affinity to a task list that has no poller.
 *
 * <p>Endpoint and credentials come from the environment alone (AWS_ENDPOINT_URL_SWF).
 */
public final class Main {

  private static final String DOMAIN = "java";
  private static final String WORK = "work";
  // How long a decision task may lie on a sticky list before it goes back to the common one.
  private static final Duration PATIENCE = Duration.ofSeconds(2);
  private static final long RUN_SECONDS = 60;

  private final SwfClient service =
      SwfClient.builder()
          // A long poll is held for 60 s. SwfClient's own 90 s would do; a ready-made httpClient gives up after 30.
          .httpClientBuilder(ApacheHttpClient.builder().socketTimeout(Duration.ofSeconds(75)))
          .build();

  public static void main(String[] arguments) throws Exception {
    if (arguments.length > 0 && arguments[0].equals("decide")) {
      new Main().decide();
    } else {
      new Main().run();
      System.exit(0); // the workers' long polls are still open
    }
  }

  /** The deciders alone, until the program is ended. */
  private void decide() throws Exception {
    startWorkflowWorker("plain", SimpleWorkflowClientConfig.ofDefaults());
    SimpleWorkflowClientConfig shared = withAffinity();
    startWorkflowWorker("lonely", shared);
    startWorkflowWorker("sticky", shared);
    startAffinityWorker(shared);
    Thread.currentThread().join();
  }

  private void run() throws Exception {
    ActivityWorker activityWorker = new ActivityWorker(service, DOMAIN, WORK);
    activityWorker.setRegisterDomain(true);
    activityWorker.setDomainRetentionPeriodInDays(1);
    activityWorker.addActivitiesImplementation(new OrderActivitiesImpl());
    activityWorker.start();

    startWorkflowWorker("plain", SimpleWorkflowClientConfig.ofDefaults());
    lead("plain");

    startWorkflowWorker("lonely", withAffinity());
    lead("lonely");

    SimpleWorkflowClientConfig shared = withAffinity();
    startWorkflowWorker("sticky", shared);
    startAffinityWorker(shared);
    lead("sticky");
  }

  private void startAffinityWorker(SimpleWorkflowClientConfig shared) throws Exception {
    AffinityWorkflowWorker worker = new AffinityWorkflowWorker(service, DOMAIN, shared);
    worker.addWorkflowImplementationType(OrderWorkflowImpl.class);
    worker.start();
    System.out.println("affinity worker polls " + worker.getTaskListToPoll());
  }

  private void startWorkflowWorker(String taskList, SimpleWorkflowClientConfig config)
      throws Exception {
    WorkflowWorker worker = new WorkflowWorker(service, DOMAIN, taskList, config);
    worker.addWorkflowImplementationType(OrderWorkflowImpl.class);
    worker.start();
  }

  private static SimpleWorkflowClientConfig withAffinity() {
    return SimpleWorkflowClientConfig.builder()
        .deciderAffinityConfig(new DeciderAffinityConfig(PATIENCE, newCache()))
        .build();
  }

  private static Cache<WorkflowExecution, AsyncDecider> newCache() {
    MutableConfiguration<WorkflowExecution, AsyncDecider> configuration =
        new MutableConfiguration<WorkflowExecution, AsyncDecider>()
            .setTypes(WorkflowExecution.class, AsyncDecider.class)
            .setStoreByValue(false); // a decider holds live threads of execution: no copying
    return Caching.getCachingProvider(CaffeineCachingProvider.class.getName())
        .getCacheManager()
        .createCache("deciders-" + System.nanoTime(), configuration);
  }

  private void lead(String taskList) throws Exception {
    StartWorkflowOptions options =
        new StartWorkflowOptions()
            .withTaskList(taskList)
            .withChildPolicy(ChildPolicy.TERMINATE)
            .withTagList(List.of("interop", taskList));
    OrderWorkflowClientExternal client =
        new OrderWorkflowClientExternalFactoryImpl(service, DOMAIN).getClient("order-" + taskList);
    client.order("Ada", 1200, options);
    WorkflowExecution execution = client.getWorkflowExecution();
    waitForState(client, "charged");
    client.confirm("yes");
    String status =
        WorkflowExecutionUtils.waitForWorkflowInstanceCompletion(
            service, DOMAIN, execution, RUN_SECONDS);
    String result =
        WorkflowExecutionUtils.getWorkflowExecutionResult(service, DOMAIN, execution).result();
    require("COMPLETED".equals(status), taskList + " closed as " + status);
    require(result.contains("Ada paid 1200, shipped"), taskList + " ended with " + result);
    System.out.println(taskList + ": " + status + ", " + client.state() + ", " + result);
  }

  private static void waitForState(OrderWorkflowClientExternal client, String state)
      throws InterruptedException {
    long deadline = System.nanoTime() + Duration.ofSeconds(RUN_SECONDS).toNanos();
    while (!state.equals(client.state())) {
      require(System.nanoTime() < deadline, "still " + client.state() + ", not " + state);
      Thread.sleep(100);
    }
  }

  private static void require(boolean condition, String message) {
    if (!condition) {
      throw new AssertionError(message);
    }
  }
}
