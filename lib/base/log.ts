/**
 * Structured log: one event with fields. The event is a short stable word ("received", "deferred");
 * what a person reads and what a machine reads are both made from it by the sink.
 * Never a password, never a message body.
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, unknown>>

export interface LogEvent {
  readonly at: number
  readonly level: LogLevel
  readonly event: string
  readonly fields: LogFields
}

export type LogSink = (event: LogEvent) => void

export interface Log {
  debug(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
  /** The same log with these fields in every event. */
  with(fields: LogFields): Log
}

const ranks: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

export function makeLog(sink: LogSink, options: { level?: LogLevel; now: () => number; fields?: LogFields }): Log {
  const least = ranks[options.level ?? 'info']
  const common = options.fields ?? {}
  const write = (level: LogLevel) => (event: string, fields: LogFields = {}) => {
    if (ranks[level] >= least) sink({ at: options.now(), level, event, fields: { ...common, ...fields } })
  }
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    with: (fields) => makeLog(sink, { ...options, fields: { ...common, ...fields } }),
  }
}

/** An error as log fields: whole, for the operator. */
export function errorFields(error: unknown): LogFields {
  if (!(error instanceof Error)) return { error: String(error) }
  const code = (error as NodeJS.ErrnoException).code
  return { error: error.message, ...(code === undefined ? {} : { code }), stack: error.stack }
}

/** One JSON object a line. */
export function jsonSink(write: (line: string) => void): LogSink {
  return ({ at, level, event, fields }) => {
    write(JSON.stringify({ time: new Date(at).toISOString(), level, event, ...fields }) + '\n')
  }
}
