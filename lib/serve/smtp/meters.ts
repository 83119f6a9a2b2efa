/** What the SMTP room counts. */
import type { Counter, Histogram, Metrics } from '#lib/base/metrics.ts'

export interface SmtpMeters {
  readonly connections: Counter
  readonly accepted: Counter
  readonly acceptedBytes: Counter
  /** Messages refused at their end. */
  readonly refused: Counter
  /** Messages put off by a fault of ours. */
  readonly putOff: Counter
  readonly refusedRecipients: Counter
  readonly logins: Counter
  readonly failedLogins: Counter
  /** From the end of the message to the reply. */
  readonly acceptSeconds: Histogram
}

/** `listener` tells the ports apart: mx, submission, submissions. */
export function makeMeters(metrics: Metrics, listener: string): SmtpMeters {
  const counter = (word: string, help: string) => metrics.counter(`pennypost_smtp_${word}_total`, help, { listener })
  return {
    connections: counter('connections', 'Connections taken.'),
    accepted: counter('messages_accepted', 'Messages answered with 250.'),
    acceptedBytes: counter('accepted_bytes', 'Octets of the messages answered with 250.'),
    refused: counter('messages_refused', 'Messages refused for good at their end.'),
    putOff: counter('messages_put_off', 'Messages answered with a temporary failure.'),
    refusedRecipients: counter('recipients_refused', 'Recipients refused for good.'),
    logins: counter('logins', 'Successful logins.'),
    failedLogins: counter('logins_failed', 'Failed logins.'),
    acceptSeconds: metrics.histogram('pennypost_smtp_accept_seconds', 'From the end of a message to its reply.', [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5], { listener }),
  }
}
