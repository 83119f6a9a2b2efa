/**
 * Dead letters ring. A function that puts a note among the dead logs `note-dead`; sweep-due logs `died` for notes that SQS
 * moved, because their function was never able to answer. Counted from the log: the queue of dead letters is emptied into the
 * table each minute, too fast for its own metrics.
 */
import { Duration } from 'aws-cdk-lib'
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs'
import { addAlarm } from './alarms.ts'
import type { MailStack } from './mailStack.ts'
import type { FunctionVerb } from './names.ts'

const deaths = ['note-dead', 'died']

export function addDeathAlarm(stack: MailStack, verb: FunctionVerb, watched: LambdaFunction): void {
  const filter = new MetricFilter(stack, `Deaths-${verb}`, {
    logGroup: watched.logGroup,
    filterName: 'died',
    filterPattern: FilterPattern.any(...deaths.map((event) => FilterPattern.stringValue('$.event', '=', event))),
    metricNamespace: stack.choices.stack,
    metricName: `${verb}-died`,
    metricValue: '1',
  })
  addAlarm(stack, {
    name: stack.names.alarm(verb, 'dead-letters'),
    means: `Mail is among the dead letters, says ${verb}: see "pennypost --aws queue list" for which and why, and "queue retry" to send it on.`,
    metric: filter.metric({ statistic: 'Sum', period: Duration.minutes(5) }),
    above: 0,
  })
}
