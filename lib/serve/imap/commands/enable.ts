/** ENABLE: RFC 9051 §6.3.1. Unknown words are ignored, only what was switched on is told. */
import type { Answer, Command } from '../command.ts'
import type { Session } from '../session.ts'

interface Switch {
  readonly spelling: string
  isOn(session: Session): boolean
  turnOn(session: Session): void
}

const switches: ReadonlyMap<string, Switch> = new Map<string, Switch>([
  ['IMAP4REV2', { spelling: 'IMAP4rev2', isOn: (session) => session.rev2, turnOn: (session) => (session.rev2 = true) }],
  // RFC 7162 §3.1
  ['CONDSTORE', { spelling: 'CONDSTORE', isOn: (session) => session.condstore, turnOn: (session) => session.enableCondstore() }],
  // RFC 7162 §3.2.3: it is CONDSTORE too.
  ['QRESYNC', { spelling: 'QRESYNC', isOn: (session) => session.qresync, turnOn: enableQresync }],
  ['UIDONLY', { spelling: 'UIDONLY', isOn: (session) => session.uidOnly, turnOn: (session) => (session.uidOnly = true) }],
  // RFC 6855 §3
  ['UTF8=ACCEPT', { spelling: 'UTF8=ACCEPT', isOn: (session) => session.utf8, turnOn: (session) => (session.utf8 = true) }],
])

function enableQresync(session: Session): void {
  session.enableCondstore()
  session.qresync = true
}

export function enable({ session, lexer }: Command): Answer {
  lexer.space()
  const words = [lexer.word('a capability')]
  while (lexer.skip(' ')) words.push(lexer.word('a capability'))
  lexer.end()
  const enabled: string[] = []
  for (const word of words) {
    const one = switches.get(word)
    if (one === undefined || one.isOn(session)) continue
    one.turnOn(session)
    enabled.push(one.spelling)
  }
  session.output.text(`* ENABLED${enabled.map((word) => ` ${word}`).join('')}\r\n`)
  return {}
}
