/** THREAD=ORDEREDSUBJECT: RFC 5256 §3. Messages of one base subject are one thread, the first of them above all others. */
import type { ThreadNode } from '#lib/formats/imap/thread.ts'
import { inOrder } from './messages.ts'
import type { ThreadMessages } from './messages.ts'

export function threadBySubject(messages: ThreadMessages): ThreadNode[] {
  const { count, subjects, numbers } = messages
  const threads = new Map<number, number[]>()
  for (const message of Array.from({ length: count }, (_, at) => at).sort((a, b) => inOrder(messages, a, b))) {
    const thread = threads.get(subjects[message] ?? 0)
    if (thread === undefined) threads.set(subjects[message] ?? 0, [message])
    else thread.push(message)
  }
  const node = (message: number, children: readonly ThreadNode[] = []): ThreadNode => ({ number: numbers[message] ?? 0, children })
  // Met in the order of time, threads stand in the order of their first messages.
  return [...threads.values()].map(([first = 0, ...others]) => node(first, others.map((message) => node(message))))
}
