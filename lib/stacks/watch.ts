/**
 * Who is told, of what: the topic of all alarms, the month's spending, and one page with the figures that matter.
 *
 * It comes first, so that every alarm has somebody to tell. Figures are meant by name, for what they belong to is made later.
 */
import { CfnOutput } from 'aws-cdk-lib'
import { CfnBudget } from 'aws-cdk-lib/aws-budgets'
import { Dashboard, GraphWidget } from 'aws-cdk-lib/aws-cloudwatch'
import type { IMetric } from 'aws-cdk-lib/aws-cloudwatch'
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import { Topic } from 'aws-cdk-lib/aws-sns'
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions'
import type { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { metricOf } from './alarms.ts'
import { MailStack, Places } from './mailStack.ts'
import type { Setting } from './mailStack.ts'
import { functionVerbs, queueNames } from './names.ts'

export class WatchStack extends MailStack {
  constructor(scope: Construct, setting: Setting) {
    super(scope, 'watch', setting, { description: 'Pennypost: who is told, of what, and the figures on one page.' })
    const topic = this.#addTopic()
    if (this.choices.budgetDollars > 0) this.#addSpending(topic)
    this.#addDashboard()
  }

  #addTopic(): Topic {
    const { contact } = this.choices
    const topic = new Topic(this, 'Topic', { topicName: this.names.topic, displayName: 'Pennypost', enforceSSL: true })
    for (const service of ['cloudwatch.amazonaws.com', 'budgets.amazonaws.com'])
      topic.addToResourcePolicy(new PolicyStatement({ principals: [new ServicePrincipal(service)], actions: ['sns:Publish'], resources: [topic.topicArn], conditions: { StringEquals: { 'aws:SourceAccount': this.account } } }))
    if (contact !== '') {
      topic.addSubscription(new EmailSubscription(contact))
      acknowledge(topic, { 'Serverless-SNSRedrivePolicy': 'What cannot be mailed stays to be seen: the alarm itself, red on the page of alarms.' })
    } else new CfnOutput(this, 'NobodyIsTold', { description: 'Nobody is told of alarms', value: 'Deploy again with -c contact=ADDRESS, a mail address that does not depend on this system' })
    return topic
  }

  /** The bill of the whole account: the parts of a deployment can be told apart only after tags were made known to billing. */
  #addSpending(topic: Topic): void {
    const { budgetDollars } = this.choices
    const tell = (notificationType: 'ACTUAL' | 'FORECASTED', threshold: number): CfnBudget.NotificationWithSubscribersProperty => ({
      notification: { notificationType, comparisonOperator: 'GREATER_THAN', threshold, thresholdType: 'PERCENTAGE' },
      subscribers: [{ subscriptionType: 'SNS', address: topic.topicArn }],
    })
    const budget = new CfnBudget(this, 'Spending', {
      budget: { budgetName: `${this.choices.stack}-spending`, budgetType: 'COST', timeUnit: 'MONTHLY', budgetLimit: { amount: budgetDollars, unit: 'USD' } },
      notificationsWithSubscribers: [tell('ACTUAL', 80), tell('ACTUAL', 100), tell('FORECASTED', 100)],
    })
    budget.node.addDependency(topic)
  }

  /** Fewer than 50 figures: such a page is free. */
  #addDashboard(): void {
    const { names } = this
    const sqs = (metric: string, name: string, label: string, statistic: string): IMetric => metricOf('AWS/SQS', metric, { QueueName: name }, statistic).with({ label })
    const lambda = (metric: string, statistic: string): IMetric[] => functionVerbs.map((verb) => metricOf('AWS/Lambda', metric, { FunctionName: names.function(verb) }, statistic).with({ label: verb }))
    const front = (metric: string, statistic: string): IMetric => metricOf('AWS/ECS', metric, { ClusterName: names.cluster, ServiceName: names.service(this.choices.mode) }, statistic).with({ label: metric })
    const table = (metric: string): IMetric => metricOf('AWS/DynamoDB', metric, { TableName: new Places(this).tableName }, 'Sum').with({ label: metric })
    const graph = (title: string, left: IMetric[], right: IMetric[] = []): GraphWidget => new GraphWidget({ title, left, right, width: 12 })
    const page = new Dashboard(this, 'Page', { dashboardName: this.choices.stack })
    page.addWidgets(
      graph('Messages handed on', queueNames.map((queue) => sqs('NumberOfMessagesSent', names.queue(queue), queue, 'Sum'))),
      graph('Oldest note, seconds', queueNames.map((queue) => sqs('ApproximateAgeOfOldestMessage', names.queue(queue), queue, 'Maximum'))),
      graph('Dead letters not yet swept', queueNames.map((queue) => sqs('ApproximateNumberOfMessagesVisible', names.deadLetters(queue), queue, 'Maximum'))),
      graph('Functions: errors', lambda('Errors', 'Sum')),
      graph('Functions: milliseconds', lambda('Duration', 'p90')),
      graph('Front', [front('CPUUtilization', 'Maximum'), front('MemoryUtilization', 'Maximum')], [front('CPUUtilization', 'SampleCount')]),
      graph('Table: units', [table('ConsumedReadCapacityUnits'), table('ConsumedWriteCapacityUnits')], [table('ThrottledRequests')]),
    )
  }
}
