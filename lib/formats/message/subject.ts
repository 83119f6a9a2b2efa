/** What subjects have in common that belong together: the base subject of RFC 5256 §2.1. Never throws. */

export interface BaseSubject {
  readonly base: string
  /** The subject says that it is a reply or a forward (RFC 5256 §3: is_reply_or_fwd). */
  readonly isReply: boolean
}

const blob = '\\[[^\\[\\]]*\\]\\s*'
/** subj-leader: `Re:`, `Fwd [x]:`, with blobs before it, or a lone colon's worth of them. */
const leader = new RegExp(`^(?:${blob})*(?:re|fwd?)\\s*(?:\\[[^\\[\\]]*\\])?\\s*:\\s*`, 'i')
const leadingBlob = new RegExp(`^${blob}`)
const trailer = /\s*\(fwd\)\s*$/i
/** Characters that are looked at: what is equal up to here belongs together. */
const longest = 1000
/** More pairs of leaders and wrappings than any subject has that people wrote. */
const mostRounds = 100

/** `subject` decoded, of which the beginning counts; runs of white space count as one space. */
export function baseSubject(subject: string): BaseSubject {
  let text = subject.slice(0, longest).replaceAll(/\s+/g, ' ').trim()
  let isReply = false
  for (let round = 0; round < mostRounds; round++) {
    const before = text
    for (let cut = text.replace(trailer, ''); cut !== text; cut = text.replace(trailer, '')) {
      text = cut
      isReply = true
    }
    const led = text.replace(leader, '')
    if (led !== text) {
      text = led
      isReply = true
    } else text = withoutBlob(text)
    if (text !== before) continue
    // RFC 5256 §2.1 (6): [Fwd: ... ] around all of it.
    if (!/^\[fwd:/i.test(text) || !text.endsWith(']')) break
    text = text.slice(5, -1).trim()
    isReply = true
  }
  return { base: text, isReply }
}

/** A blob goes only when something is left. */
function withoutBlob(text: string): string {
  const cut = text.replace(leadingBlob, '')
  return cut === '' ? text : cut
}
