/** Alarms: each stands beside what it watches, bears its name, and goes to the one topic of the deployment. */
import { Duration } from 'aws-cdk-lib'
import { Alarm, ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch'
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions'
import { Topic } from 'aws-cdk-lib/aws-sns'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { Places } from './mailStack.ts'
import type { MailStack } from './mailStack.ts'

export interface Watched {
  readonly name: string
  /** What it means and where to look; docs/runbook.md says more. */
  readonly means: string
  readonly metric: Metric
  readonly above?: number
  readonly below?: number
  /** Periods of the metric in a row. */
  readonly periods?: number
  /** No data is as bad as bad data. */
  readonly silenceIsBad?: boolean
}

export function addAlarm(stack: MailStack, { name, means, metric, above, below, periods = 1, silenceIsBad = false }: Watched): Alarm {
  const alarm = new Alarm(stack, `Alarm-${name}`, {
    alarmName: name,
    alarmDescription: means,
    metric,
    threshold: below ?? above ?? 0,
    comparisonOperator: below === undefined ? ComparisonOperator.GREATER_THAN_THRESHOLD : ComparisonOperator.LESS_THAN_THRESHOLD,
    evaluationPeriods: periods,
    treatMissingData: silenceIsBad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
  })
  const topic = stack.node.tryFindChild('AlarmTopic') as ITopic | undefined
  alarm.addAlarmAction(new SnsAction(topic ?? Topic.fromTopicArn(stack, 'AlarmTopic', new Places(stack).topic)))
  return alarm
}

export function metricOf(namespace: string, metricName: string, dimensions: Readonly<Record<string, string>>, statistic: string, minutes = 5): Metric {
  return new Metric({ namespace, metricName, dimensionsMap: dimensions, statistic, period: Duration.minutes(minutes) })
}
