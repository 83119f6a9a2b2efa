/** LIST and LSUB: RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154, RFC 8440, RFC 9590, RFC 3501 §6.3.9. */
import { writeMyRights } from '#lib/formats/imap/acl.ts'
import type { List, ListLine } from '#lib/formats/imap/list.ts'
import { parseList, parseLsub, writeListLine } from '#lib/formats/imap/list.ts'
import { hierarchySeparator } from '#lib/formats/imap/mailboxName.ts'
import { compilePattern } from '#lib/formats/imap/pattern.ts'
import type { Answer, Command } from '../command.ts'
import { metadataLine } from '../metadata.ts'
import type { FoundMailbox, Place } from '../places.ts'
import type { Session } from '../session.ts'
import { Tree } from '../tree.ts'
import { askedStatusLine } from './status.ts'

export async function list({ session, lexer }: Command): Promise<Answer> {
  const request = parseList(lexer, session.nameEncoding)
  const { output, nameEncoding } = session
  // RFC 3501 §6.3.8: an empty pattern asks for the separator only.
  if (!request.extended && request.patterns[0] === '') {
    output.text(`* LIST (\\Noselect) "${hierarchySeparator}" ""\r\n`)
    return {}
  }
  const tree = await openTree(session, request.patterns.map((pattern) => request.reference + pattern))
  for (const line of listLines(tree, request)) {
    output.text(writeListLine(line, nameEncoding))
    const found = tree.found(line.name)
    if (found !== undefined) tellReturns(session, found, request)
    if (output.full) await output.flush()
  }
  return {}
}

function tellReturns(session: Session, found: FoundMailbox, { returnStatus, returnRights, returnMetadata }: List): void {
  const { output, nameEncoding } = session
  // RFC 5819 §2: no STATUS of what cannot be selected.
  if (returnStatus.length > 0 && found.rights.includes('r')) output.text(askedStatusLine(session, found, returnStatus))
  // RFC 8440 §3
  if (returnRights) output.text(writeMyRights(found.name, found.rights, nameEncoding))
  // RFC 9590 §3
  if (returnMetadata.length > 0) output.text(metadataLine(session, found, returnMetadata))
}

export async function lsub({ session, lexer }: Command): Promise<Answer> {
  const { reference, pattern } = parseLsub(lexer, session.nameEncoding)
  const tree = await openTree(session, [reference + pattern])
  const matches = compilePattern(reference + pattern)
  for (const name of tree.names.filter(matches)) {
    const subscribed = tree.isSubscribed(name)
    // RFC 3501 §6.3.9: a level above a subscribed name is told as \Noselect, where `%` stops before that name.
    const below = tree.below(name).some((one) => tree.isSubscribed(one) && !matches(one))
    if (subscribed || below) session.output.text(writeListLine({ word: 'LSUB', attributes: subscribed ? [] : ['\\Noselect'], name }, session.nameEncoding))
  }
  return {}
}

/** Other accounts are looked at only when a pattern can reach them. */
async function openTree({ own, places }: Session, patterns: readonly string[]): Promise<Tree> {
  await own.refresh()
  const heads = patterns.map((pattern) => /^[^*%]*/.exec(pattern)?.[0] ?? '')
  const all = await places.all((prefix) => heads.some((head) => head.startsWith(prefix) || prefix.startsWith(head)))
  return new Tree(all.flatMap((place) => places.visible(place)), own.state.subscriptions)
}

/** The attributes of one mailbox, for LIST responses outside of LIST. */
export function listAttributes({ own, places }: Session, place: Place, name: string): string[] {
  return new Tree(places.visible(place), own.state.subscriptions).attributes(name, true)
}

function* listLines(tree: Tree, request: List): Generator<ListLine> {
  const patterns = request.patterns.map((pattern) => compilePattern(request.reference + pattern))
  const matches = (name: string) => patterns.some((one) => one(name))
  const chosen = (name: string) => isChosen(tree, name, request)
  for (const name of tree.names) {
    if (!matches(name)) continue
    const fits = chosen(name)
    const below = request.recursiveMatch ? tree.below(name).filter(chosen) : []
    // RFC 5258 §3.5: a name that does not fit is told for those below it that are not told themselves.
    if (!fits && !below.some((one) => !matches(one))) continue
    yield { word: 'LIST', attributes: tree.attributes(name, request.returnSubscribed), name, ...(below.length > 0 ? { childInfo: selectionWords(request) } : {}) }
  }
}

function isChosen(tree: Tree, name: string, { onlySubscribed, onlySpecialUse }: List): boolean {
  if (!onlySubscribed && !tree.stands(name)) return false
  if (onlySubscribed && !tree.isSubscribed(name)) return false
  return !onlySpecialUse || tree.specialUse(name) !== undefined
}

function selectionWords({ onlySubscribed, onlySpecialUse }: List): string[] {
  return [...(onlySubscribed ? ['SUBSCRIBED'] : []), ...(onlySpecialUse ? ['SPECIAL-USE'] : [])]
}
