/** One request to a webhook: some events of one account, signed. */
import { hash } from 'node:crypto'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { signRequest } from '#lib/formats/events/signature.ts'

/** Sends it and gives the status of the answer. Throws when there is none. */
export type Post = (url: string, headers: Readonly<Record<string, string>>, body: string) => Promise<number>

/** Answers are not read, redirections not followed: a webhook is where its URL says. */
export function makePost(timeoutMs: number): Post {
  return async (url, headers, body) => {
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) })
    await response.body?.cancel()
    return response.status
  }
}

/** Said of one request. `away`: not the events' fault, so others need not be tried now. */
export type Answer = { readonly kind: 'taken' } | { readonly kind: 'refused'; readonly reply: string } | { readonly kind: 'away'; readonly reply: string }

const awayStatuses = [408, 429, 502, 503, 504]

export class Webhook {
  readonly url: string
  readonly #secrets: readonly Uint8Array[]
  readonly #post: Post

  constructor(url: string, secrets: readonly Uint8Array[], post: Post) {
    this.url = url
    this.#secrets = secrets
    this.#post = post
  }

  /** For logs: a query may hold what nobody else should read. */
  get name(): string {
    const { origin, pathname } = new URL(this.url)
    return origin + pathname
  }

  /** Events of one account in their order; sent again, they are the same request to the octet but for its time. */
  async send(events: readonly MailEvent[], at: number): Promise<Answer> {
    const id = `events.${hash('sha256', events.map((event) => event.id).join('\n')).slice(0, 32)}`
    const body = JSON.stringify({ events })
    try {
      const status = await this.#post(this.url, { 'content-type': 'application/json', 'user-agent': 'Pennypost', ...signRequest(this.#secrets, { id, at, body }) }, body)
      if (status >= 200 && status < 300) return { kind: 'taken' }
      return { kind: awayStatuses.includes(status) ? 'away' : 'refused', reply: `status ${status}` }
    } catch (error) {
      return { kind: 'away', reply: reasonOf(error) }
    }
  }
}

/** fetch says "fetch failed" and puts the reason into the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
