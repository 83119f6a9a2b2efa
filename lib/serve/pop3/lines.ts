import type { Session } from './session.ts'

/** A multi-line response of short lines: RFC 1939 §3. None of them may begin with a dot. */
export async function answerLines(session: Session, first: string, lines: Iterable<string>): Promise<void> {
  const { output } = session
  output.line(`+OK ${first}`)
  for (const line of lines) {
    output.line(line)
    await output.room()
  }
  output.line('.')
}
