package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
)

// The decider: what to do next follows from the history alone.

func decide(kind *types.WorkflowType, events []types.HistoryEvent) []types.Decision {
	count := func(eventType types.EventType) (number int) {
		for _, event := range events {
			if event.EventType == eventType {
				number++
			}
		}
		return number
	}
	switch {
	case count(types.EventTypeWorkflowExecutionCancelRequested) > 0:
		return []types.Decision{{DecisionType: types.DecisionTypeCancelWorkflowExecution}}
	case aws.ToString(kind.Name) == *parcel.Name:
		return []types.Decision{complete("delivered")}
	case count(types.EventTypeChildWorkflowExecutionCompleted) > 0:
		is := func(event types.HistoryEvent) bool {
			return event.EventType == types.EventTypeChildWorkflowExecutionCompleted
		}
		child := events[slices.IndexFunc(events, is)].ChildWorkflowExecutionCompletedEventAttributes
		return []types.Decision{complete(aws.ToString(child.Result))}
	case count(types.EventTypeStartChildWorkflowExecutionInitiated) > 0:
		return nil
	case count(types.EventTypeTimerFired) > 0 && count(types.EventTypeWorkflowExecutionSignaled) > 0:
		return []types.Decision{startChild(aws.ToString(events[0].WorkflowExecutionStartedEventAttributes.Input))}
	case count(types.EventTypeTimerStarted) > 0:
		return nil
	case count(types.EventTypeActivityTaskCompleted) > 0:
		return []types.Decision{startTimer("pause", "1"), marker("charged")}
	case count(types.EventTypeActivityTaskScheduled) == count(types.EventTypeActivityTaskFailed):
		return []types.Decision{schedule(count(types.EventTypeActivityTaskFailed) + 1)}
	}
	return nil
}

func complete(result string) types.Decision {
	return types.Decision{
		DecisionType: types.DecisionTypeCompleteWorkflowExecution,
		CompleteWorkflowExecutionDecisionAttributes: &types.CompleteWorkflowExecutionDecisionAttributes{
			Result: aws.String(result),
		},
	}
}

func startTimer(timerID, seconds string) types.Decision {
	return types.Decision{
		DecisionType: types.DecisionTypeStartTimer,
		StartTimerDecisionAttributes: &types.StartTimerDecisionAttributes{
			TimerId:            aws.String(timerID),
			StartToFireTimeout: aws.String(seconds),
		},
	}
}

func marker(name string) types.Decision {
	return types.Decision{
		DecisionType: types.DecisionTypeRecordMarker,
		RecordMarkerDecisionAttributes: &types.RecordMarkerDecisionAttributes{
			MarkerName: aws.String(name),
			Details:    aws.String("é ✓ 𝄞"),
		},
	}
}

func startChild(input string) types.Decision {
	return types.Decision{
		DecisionType: types.DecisionTypeStartChildWorkflowExecution,
		StartChildWorkflowExecutionDecisionAttributes: &types.StartChildWorkflowExecutionDecisionAttributes{
			WorkflowId:   aws.String("parcel of " + input),
			WorkflowType: parcel,
		},
	}
}

func schedule(number int) types.Decision {
	return types.Decision{
		DecisionType: types.DecisionTypeScheduleActivityTask,
		ScheduleActivityTaskDecisionAttributes: &types.ScheduleActivityTaskDecisionAttributes{
			ActivityId:   aws.String(fmt.Sprintf("charge-%d", number)),
			ActivityType: charge,
			Input:        aws.String(fmt.Sprint(number)),
		},
	}
}

// Polls until ctx ends. The paginator fetches the rest of a long history; a poll that found nothing has no token.
func deciding(ctx context.Context, client *swf.Client) error {
	for {
		pages := swf.NewPollForDecisionTaskPaginator(client, &swf.PollForDecisionTaskInput{
			Domain:          aws.String(domain),
			TaskList:        list("decisions"),
			MaximumPageSize: 5,
		})
		var task *swf.PollForDecisionTaskOutput
		var events []types.HistoryEvent
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return fmt.Errorf("decider, poll: %w", err)
			}
			if task == nil {
				task = page
			}
			events = append(events, page.Events...)
		}
		if aws.ToString(task.TaskToken) == "" {
			continue
		}
		if err := requireNumbered(events); err != nil {
			return fmt.Errorf("decider: %w", err)
		}
		if err := answer(ctx, client, task.TaskToken, decide(task.WorkflowType, events)); err != nil {
			return fmt.Errorf("decider, answer: %w", err)
		}
	}
}

func answer(ctx context.Context, client *swf.Client, token *string, decisions []types.Decision) error {
	_, err := client.RespondDecisionTaskCompleted(ctx, &swf.RespondDecisionTaskCompletedInput{
		TaskToken:        token,
		Decisions:        decisions,
		ExecutionContext: aws.String("go"),
	})
	return err
}

// Requires that the events are 1, 2, 3 … with a time each.
func requireNumbered(events []types.HistoryEvent) error {
	for index, event := range events {
		if event.EventId != int64(index+1) {
			return fmt.Errorf("event %d has the id %d", index+1, event.EventId)
		}
		if event.EventTimestamp == nil || event.EventTimestamp.IsZero() {
			return fmt.Errorf("event %d has no time", event.EventId)
		}
	}
	if len(events) == 0 {
		return fmt.Errorf("there are no events")
	}
	return nil
}

// The worker: the first attempt fails, the second succeeds after a heartbeat. Polls until ctx ends.
func working(ctx context.Context, client *swf.Client) error {
	for {
		task, err := client.PollForActivityTask(ctx, &swf.PollForActivityTaskInput{
			Domain:   aws.String(domain),
			TaskList: list("work"),
		})
		if err != nil {
			return fmt.Errorf("worker, poll: %w", err)
		}
		if aws.ToString(task.TaskToken) == "" {
			continue
		}
		if err := work(ctx, client, task); err != nil {
			return fmt.Errorf("worker: %w", err)
		}
	}
}

func work(ctx context.Context, client *swf.Client, task *swf.PollForActivityTaskOutput) error {
	if aws.ToString(task.Input) == "1" {
		_, err := client.RespondActivityTaskFailed(ctx, &swf.RespondActivityTaskFailedInput{
			TaskToken: task.TaskToken,
			Reason:    aws.String("declined"),
			Details:   aws.String("try again"),
		})
		return err
	}
	beat, err := client.RecordActivityTaskHeartbeat(ctx, &swf.RecordActivityTaskHeartbeatInput{
		TaskToken: task.TaskToken,
		Details:   aws.String("half"),
	})
	if err != nil {
		return err
	}
	if beat.CancelRequested {
		return fmt.Errorf("a heartbeat says that the task is to be canceled")
	}
	_, err = client.RespondActivityTaskCompleted(ctx, &swf.RespondActivityTaskCompletedInput{
		TaskToken: task.TaskToken,
		Result:    aws.String("charged"),
	})
	return err
}
