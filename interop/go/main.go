// Leads runs from registration to close with the AWS SDK for Go v2: a decider loop and a worker loop side by side, a
// timer, a signal, a child, a failed activity, a canceled run, and the faults a program branches on.
//
// Prints what it does; exits with 1 at the first thing that is not as SWF's. The endpoint and the credentials come from
// the environment alone (AWS_ENDPOINT_URL_SWF). The driver, interop/go_client.py, reads the histories.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
	"github.com/aws/smithy-go"
)

const (
	domain       = "go"
	closeTimeout = time.Minute
	lookAgain    = 100 * time.Millisecond
)

var (
	order  = &types.WorkflowType{Name: aws.String("order"), Version: aws.String("1")}
	parcel = &types.WorkflowType{Name: aws.String("parcel"), Version: aws.String("1")}
	charge = &types.ActivityType{Name: aws.String("charge"), Version: aws.String("1")}
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	// One attempt for each call, so that every answer is seen as the service gave it.
	client := swf.NewFromConfig(settings, func(options *swf.Options) { options.RetryMaxAttempts = 1 })
	if err := register(ctx, client); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	loops, leave := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	for _, loop := range []func(context.Context, *swf.Client) error{deciding, working} {
		running.Add(1)
		go func() {
			defer running.Done()
			// The end of the story cancels the last polls; any other error ends the story.
			if err := loop(loops, client); err != nil && loops.Err() == nil {
				leave(err)
			}
		}()
	}
	err = orders(loops, client)
	if cause := context.Cause(loops); cause != nil {
		err = cause
	}
	leave(nil)
	running.Wait()
	return err
}

func register(ctx context.Context, client *swf.Client) error {
	if err := registerDomain(ctx, client); err != nil {
		return err
	}
	for _, kind := range []*types.WorkflowType{order, parcel} {
		_, err := client.RegisterWorkflowType(ctx, &swf.RegisterWorkflowTypeInput{
			Domain:                              aws.String(domain),
			Name:                                kind.Name,
			Version:                             kind.Version,
			DefaultTaskList:                     list("decisions"),
			DefaultChildPolicy:                  types.ChildPolicyTerminate,
			DefaultTaskStartToCloseTimeout:      aws.String("30"),
			DefaultExecutionStartToCloseTimeout: aws.String("300"),
		})
		if err != nil {
			return err
		}
	}
	_, err := client.RegisterActivityType(ctx, &swf.RegisterActivityTypeInput{
		Domain:                            aws.String(domain),
		Name:                              charge.Name,
		Version:                           charge.Version,
		DefaultTaskList:                   list("work"),
		DefaultTaskStartToCloseTimeout:    aws.String("30"),
		DefaultTaskScheduleToStartTimeout: aws.String("30"),
		DefaultTaskScheduleToCloseTimeout: aws.String("60"),
		DefaultTaskHeartbeatTimeout:       aws.String("NONE"),
	})
	if err != nil {
		return err
	}
	listed, err := client.ListDomains(ctx, &swf.ListDomainsInput{RegistrationStatus: types.RegistrationStatusRegistered})
	if err != nil {
		return err
	}
	is := func(info types.DomainInfo) bool { return aws.ToString(info.Name) == domain }
	if !slices.ContainsFunc(listed.DomainInfos, is) {
		return errors.New("the domain is not listed")
	}
	fmt.Println("registered a domain, two workflow types and an activity type")
	return nil
}

func registerDomain(ctx context.Context, client *swf.Client) error {
	_, err := client.RegisterDomain(ctx, &swf.RegisterDomainInput{
		Name:                                   aws.String(domain),
		WorkflowExecutionRetentionPeriodInDays: aws.String("1"),
	})
	return err
}

func list(name string) *types.TaskList {
	return &types.TaskList{Name: aws.String(name)}
}

// The person who orders.

func orders(ctx context.Context, client *swf.Client) error {
	steps := []struct {
		name string
		step func(context.Context, *swf.Client) error
	}{
		{"an order is delivered", orderIsDelivered},
		{"an order is canceled", orderIsCanceled},
		{"faults have their types", faultsHaveTheirTypes},
		{"an abandoned poll takes no task", anAbandonedPollTakesNoTask},
		{"closed runs are listed", closedRunsAreListed},
	}
	for _, each := range steps {
		if err := each.step(ctx, client); err != nil {
			return fmt.Errorf("%s: %w", each.name, err)
		}
	}
	return nil
}

func start(ctx context.Context, client *swf.Client, id string, taskList *types.TaskList) (*types.WorkflowExecution, error) {
	started, err := client.StartWorkflowExecution(ctx, &swf.StartWorkflowExecutionInput{
		Domain:       aws.String(domain),
		WorkflowId:   aws.String(id),
		WorkflowType: order,
		Input:        aws.String(id),
		TaskList:     taskList, // nil: the default of the type
		TagList:      []string{"interop", domain},
	})
	if err != nil {
		return nil, err
	}
	return &types.WorkflowExecution{WorkflowId: aws.String(id), RunId: started.RunId}, nil
}

func closed(ctx context.Context, client *swf.Client, execution *types.WorkflowExecution) (*types.WorkflowExecutionInfo, error) {
	for deadline := time.Now().Add(closeTimeout); time.Now().Before(deadline); time.Sleep(lookAgain) {
		described, err := client.DescribeWorkflowExecution(ctx, &swf.DescribeWorkflowExecutionInput{
			Domain:    aws.String(domain),
			Execution: execution,
		})
		if err != nil {
			return nil, err
		}
		if described.ExecutionInfo.ExecutionStatus == types.ExecutionStatusClosed {
			return described.ExecutionInfo, nil
		}
	}
	return nil, fmt.Errorf("%s did not close within %v", *execution.WorkflowId, closeTimeout)
}

func orderIsDelivered(ctx context.Context, client *swf.Client) error {
	execution, err := start(ctx, client, "order-1", nil)
	if err != nil {
		return err
	}
	_, err = client.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{
		Domain:     aws.String(domain),
		WorkflowId: execution.WorkflowId,
		SignalName: aws.String("go"),
		Input:      aws.String("now"),
	})
	if err != nil {
		return err
	}
	info, err := closed(ctx, client, execution)
	if err != nil {
		return err
	}
	if info.CloseStatus != types.CloseStatusCompleted {
		return fmt.Errorf("order-1 closed as %s", info.CloseStatus)
	}
	if !slices.Equal(info.TagList, []string{"interop", domain}) {
		return fmt.Errorf("tags of order-1: %v", info.TagList)
	}
	var events []types.HistoryEvent
	pages := swf.NewGetWorkflowExecutionHistoryPaginator(client, &swf.GetWorkflowExecutionHistoryInput{
		Domain:          aws.String(domain),
		Execution:       execution,
		MaximumPageSize: 4,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		events = append(events, page.Events...)
	}
	if err := requireNumbered(events); err != nil {
		return err
	}
	if last := events[len(events)-1].EventType; last != types.EventTypeWorkflowExecutionCompleted {
		return fmt.Errorf("the last event is %s", last)
	}
	fmt.Printf("order-1 was delivered after %d events\n", len(events))
	return nil
}

func orderIsCanceled(ctx context.Context, client *swf.Client) error {
	execution, err := start(ctx, client, "order-2", list("quiet"))
	if err != nil {
		return err
	}
	_, err = client.RequestCancelWorkflowExecution(ctx, &swf.RequestCancelWorkflowExecutionInput{
		Domain:     aws.String(domain),
		WorkflowId: execution.WorkflowId,
		RunId:      execution.RunId,
	})
	if err != nil {
		return err
	}
	task, err := pollQuiet(ctx, client)
	if err != nil {
		return err
	}
	if err := answer(ctx, client, task.TaskToken, decide(task.WorkflowType, task.Events)); err != nil {
		return err
	}
	info, err := closed(ctx, client, execution)
	if err != nil {
		return err
	}
	if info.CloseStatus != types.CloseStatusCanceled {
		return fmt.Errorf("order-2 closed as %s", info.CloseStatus)
	}
	fmt.Println("order-2 was canceled")
	return nil
}

func faultsHaveTheirTypes(ctx context.Context, client *swf.Client) error {
	var exists *types.DomainAlreadyExistsFault
	if err := registerDomain(ctx, client); !errors.As(err, &exists) || exists.ErrorMessage() != domain {
		return fmt.Errorf("a second RegisterDomain: %v", err)
	}
	var unknown *types.UnknownResourceFault
	_, err := client.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{
		Domain:     aws.String(domain),
		WorkflowId: aws.String("ghost"),
		SignalName: aws.String("boo"),
	})
	if !errors.As(err, &unknown) || unknown.ErrorMessage() != "Unknown execution, workflowId = ghost" {
		return fmt.Errorf("a signal to a ghost: %v", err)
	}
	execution, err := start(ctx, client, "order-3", list("quiet"))
	if err != nil {
		return err
	}
	var running *types.WorkflowExecutionAlreadyStartedFault
	if _, err := start(ctx, client, "order-3", list("quiet")); !errors.As(err, &running) {
		return fmt.Errorf("a second start: %v", err)
	}
	// SWF's model has no type for this one, so it comes as the SDK's general error.
	var general smithy.APIError
	_, err = start(ctx, client, "x\u0001y", nil)
	if !errors.As(err, &general) || general.ErrorCode() != "ValidationException" {
		return fmt.Errorf("a workflowId with a control character: %v", err)
	}
	task, err := pollQuiet(ctx, client)
	if err != nil {
		return err
	}
	if err := answer(ctx, client, task.TaskToken, []types.Decision{complete("enough")}); err != nil {
		return err
	}
	if _, err := closed(ctx, client, execution); err != nil {
		return err
	}
	fmt.Println("four faults had their types")
	return nil
}

// A poll whose caller has left is not given the next task; one that waits is answered when a task arrives.
func anAbandonedPollTakesNoTask(ctx context.Context, client *swf.Client) error {
	poll := func(ctx context.Context) (*swf.PollForDecisionTaskOutput, error) {
		return client.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{Domain: aws.String(domain), TaskList: list("left")})
	}
	// Long enough to reach the service; sooner would be as good.
	leaving, leave := context.WithTimeout(ctx, 300*time.Millisecond)
	defer leave()
	if _, err := poll(leaving); !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the abandoned poll ended with: %v", err)
	}
	type result struct {
		task *swf.PollForDecisionTaskOutput
		err  error
	}
	waiting := make(chan result, 1)
	go func() {
		task, err := poll(ctx)
		waiting <- result{task, err}
	}()
	if _, err := start(ctx, client, "order-4", list("left")); err != nil {
		return err
	}
	answered := <-waiting
	if answered.err != nil {
		return answered.err
	}
	if answered.task.StartedEventId != 3 {
		return fmt.Errorf("the task went to the poll that was abandoned: startedEventId %d", answered.task.StartedEventId)
	}
	if err := answer(ctx, client, answered.task.TaskToken, []types.Decision{complete("found")}); err != nil {
		return err
	}
	fmt.Println("a task found the poll that was still there")
	return nil
}

func closedRunsAreListed(ctx context.Context, client *swf.Client) error {
	everything := &types.ExecutionTimeFilter{OldestDate: aws.Time(time.Unix(0, 0))}
	var ids []string
	pages := swf.NewListClosedWorkflowExecutionsPaginator(client, &swf.ListClosedWorkflowExecutionsInput{
		Domain:          aws.String(domain),
		StartTimeFilter: everything,
		MaximumPageSize: 1,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, info := range page.ExecutionInfos {
			ids = append(ids, aws.ToString(info.Execution.WorkflowId))
		}
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"order-1", "order-2", "order-3", "order-4", "parcel of order-1"}) {
		return fmt.Errorf("closed runs: %q", ids)
	}
	counted, err := client.CountClosedWorkflowExecutions(ctx, &swf.CountClosedWorkflowExecutionsInput{
		Domain:          aws.String(domain),
		StartTimeFilter: everything,
	})
	if err != nil {
		return err
	}
	if counted.Count != 5 {
		return fmt.Errorf("%d closed runs were counted", counted.Count)
	}
	fmt.Println("five closed runs were listed and counted")
	return nil
}

func pollQuiet(ctx context.Context, client *swf.Client) (*swf.PollForDecisionTaskOutput, error) {
	task, err := client.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{Domain: aws.String(domain), TaskList: list("quiet")})
	if err == nil && aws.ToString(task.TaskToken) == "" {
		err = errors.New("no decision task came")
	}
	return task, err
}
