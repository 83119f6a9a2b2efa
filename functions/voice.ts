/**
 * How a function speaks: the project's log events as lines of CloudWatch, and a few of them counted as metrics.
 *
 * Invariants: the lines have the events and fields that `serve` and the front write, with the request that they belong to
 * (`timestamp` and `level` as Lambda's own filter wants them); a metric is published only when something was counted, since each one seen in an hour is billed.
 */
import { LogFormatter, LogItem, Logger } from '@aws-lambda-powertools/logger'
import type { LogAttributes, UnformattedAttributes } from '@aws-lambda-powertools/logger/types'
import { MetricUnit, Metrics } from '@aws-lambda-powertools/metrics'
import type { Context } from 'aws-lambda'
import { makeLog } from '#lib/base/log.ts'
import type { Log, LogLevel } from '#lib/base/log.ts'

export interface Voice {
  readonly log: Log
  /** Call it first in each invocation. */
  begin(context: Context): void
  /** Call it last in each invocation. */
  end(): void
}

/** Events that are numbers for an operator as well. */
const counted: Readonly<Record<string, string>> = { filed: 'Filed', delivered: 'Delivered', deferred: 'Deferred', bounced: 'Bounced' }
const namespace = 'Pennypost'

class EventFormatter extends LogFormatter {
  override formatAttributes({ timestamp, logLevel, message, serviceName, lambdaContext }: UnformattedAttributes, fields: LogAttributes): LogItem {
    const cold = lambdaContext?.coldStart === true ? { cold: true } : {}
    return new LogItem({ attributes: { timestamp: timestamp.toISOString(), level: logLevel, event: message, function: serviceName, request: lambdaContext?.awsRequestId, ...cold, ...fields } })
  }
}

/** @param name of the function: its folder */
export function openVoice(name: string, level: LogLevel): Voice {
  const logger = new Logger({ serviceName: name, logLevel: 'DEBUG', logFormatter: new EventFormatter() })
  const metrics = new Metrics({ namespace, serviceName: name })
  const log = makeLog(
    (said) => {
      logger[said.level](said.event, said.fields)
      const metric = said.level === 'error' ? 'Faults' : counted[said.event]
      if (metric !== undefined) metrics.addMetric(metric, MetricUnit.Count, 1)
    },
    { level, now: () => Date.now() },
  )
  return {
    log,
    begin: (context) => logger.addContext(context),
    end: () => {
      if (metrics.hasStoredMetrics()) metrics.publishStoredMetrics()
    },
  }
}
