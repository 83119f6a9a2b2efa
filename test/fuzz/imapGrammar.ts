/**
 * Commands made by the grammars of the RFCs, for fuzzing: `command` is always one that its parser must take, `spoilt` the
 * same with some of its octets or words changed, which may be anything.
 */
import type { Random } from '#test/serve/imap/seeds.ts'

type Make = () => string

export class ImapGrammar {
  readonly #random: Random
  /** How deep the search keys and lists are nested that are being made. */
  #depth = 0

  constructor(random: Random) {
    this.#random = random
  }

  // ---------------------------------------------------------------- chance

  #chance(oneIn: number): boolean {
    return this.#random(oneIn) === 0
  }

  #pick<T>(list: readonly T[]): T {
    const one = list[this.#random(list.length)]
    if (one === undefined) throw new Error('nothing to choose from')
    return one
  }

  #any(...ways: readonly Make[]): string {
    return this.#pick(ways)()
  }

  #many(one: Make, most = 4, separator = ' '): string {
    return Array.from({ length: 1 + this.#random(most) }, one).join(separator)
  }

  #list(one: Make, most = 4): string {
    return `(${this.#many(one, most)})`
  }

  /** Letters in either case: words of commands have none (RFC 9051 §9). */
  #cased(word: string): string {
    return this.#chance(6) ? [...word].map((letter) => (this.#chance(2) ? letter.toLowerCase() : letter.toUpperCase())).join('') : word
  }

  #word(...words: readonly string[]): string {
    return this.#cased(this.#pick(words))
  }

  #optional(make: Make): string {
    return this.#chance(2) ? make() : ''
  }

  // ---------------------------------------------------------------- RFC 9051 §9: the terminals

  readonly #nz: Make = () => String(this.#pick([1, 2, 3, 9, 10, 77, 4096, 0xffff_fffe, 0xffff_ffff]))
  readonly #number: Make = () => String(this.#pick([0, 1, 5, 255, 65536, 0xffff_ffff]))
  readonly #number64: Make = () => this.#pick(['0', '1', '99', '4294967296', '9223372036854775807'])
  readonly #atom: Make = () => this.#pick(['a', 'Work', 'x-y', '$Forwarded', 'NIL2', 'a.b', "it's", '1a', '~x', 'a&b', '/a', '<>', '@', '|', 'INBOX', '=?=', ';:,.!'])
  readonly #text: Make = () => this.#pick(['', 'a', 'a b', 'caf\xc3\xa9', '\xe6\x97\xa5\xe6\x9c\xac', '(', ')', '{3}', 'a\\b', 'q"q', '%', '*', '&AOQ-', 'x'.repeat(200)])
  readonly #quoted: Make = () => `"${this.#text().replaceAll(/[\\"]/g, '\\$&')}"`
  readonly #literal: Make = () => {
    const text = this.#any(this.#text, () => 'a\r\nb', () => '\r\n')
    return `{${text.length}${this.#pick(['', '+'])}}\r\n${text}`
  }
  readonly #string: Make = () => this.#any(this.#quoted, this.#quoted, this.#literal)
  readonly #astring: Make = () => this.#any(this.#atom, this.#atom, () => 'a]', this.#string)
  readonly #nstring: Make = () => this.#any(this.#string, () => this.#cased('NIL'))
  /** In what modified UTF-7 and UTF-8 both can read. */
  readonly #mailbox: Make = () => this.#any(() => this.#word('INBOX'), () => this.#pick(['Work', 'a/b', 'Shared/x', '"Other Users/a@b.example/INBOX"', '"&AOQ-"', '&AOQ-', '"a b"', '{4+}\r\nSent', '"\xc3\xa4"', '{2}\r\n\xc3\xa4', '""']))
  readonly #flag: Make = () => this.#any(() => this.#word('\\Seen', '\\Deleted', '\\Answered', '\\Flagged', '\\Draft', '\\Recent'), this.#atom)
  readonly #flags: Make = () => (this.#chance(8) ? '()' : this.#list(this.#flag))
  readonly #end: Make = () => this.#any(this.#nz, this.#nz, () => '*')
  readonly #range: Make = () => (this.#chance(2) ? this.#end() : `${this.#end()}:${this.#end()}`)
  readonly #set: Make = () => (this.#chance(10) ? '$' : this.#many(this.#range, 5, ','))
  readonly #date: Make = () => {
    const date = `${this.#pick(['1', '01', '28', '31'])}-${this.#word('Jan', 'Mar', 'Dec')}-${this.#pick(['1970', '1999', '2026', '9999'])}`
    return this.#chance(2) ? date : `"${date}"`
  }
  readonly #dateTime: Make = () => `"${this.#pick([' 1', '01', '28'])}-${this.#word('Feb', 'Oct')}-${this.#pick(['1994', '2026'])} ${this.#pick(['00:00:00', '23:59:60', '12:34:56'])} ${this.#pick(['+0000', '-1200', '+1345'])}"`
  readonly #partial: Make = () => (this.#chance(2) ? `${this.#nz()}:${this.#nz()}` : `-${this.#nz()}:-${this.#nz()}`)

  // ---------------------------------------------------------------- FETCH: RFC 9051 §6.4.5

  readonly #path: Make = () => this.#many(() => this.#pick(['1', '2', '17', '4294967295']), 4, '.')
  readonly #headerList: Make = () => `${this.#word('HEADER.FIELDS', 'HEADER.FIELDS.NOT')} ${this.#list(this.#astring)}`
  readonly #sectionText: Make = () => this.#any(() => this.#word('HEADER', 'TEXT'), this.#headerList)
  readonly #section: Make = () => `[${this.#any(() => '', this.#path, this.#sectionText, () => `${this.#path()}.${this.#any(this.#sectionText, () => this.#word('MIME'))}`)}]`
  readonly #cut: Make = () => this.#optional(() => `<${this.#number64()}.${this.#pick(['1', '100', '4294967295'])}>`)
  readonly #fetchItem: Make = () =>
    this.#any(
      () => this.#word('ENVELOPE', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE', 'UID', 'BODYSTRUCTURE', 'BODY', 'MODSEQ', 'EMAILID', 'THREADID', 'SAVEDATE', 'RFC822', 'RFC822.HEADER', 'RFC822.TEXT'),
      () => this.#word('PREVIEW') + this.#optional(() => ` (${this.#word('LAZY')})`),
      () => this.#word('BODY', 'BODY.PEEK') + this.#section() + this.#cut(),
      () => `${this.#word('BINARY', 'BINARY.PEEK')}[${this.#optional(this.#path)}]${this.#cut()}`,
      () => `${this.#word('BINARY.SIZE')}[${this.#optional(this.#path)}]`,
    )
  readonly #fetchItems: Make = () => this.#any(() => this.#word('ALL', 'FAST', 'FULL'), this.#fetchItem, () => this.#list(this.#fetchItem, 8))
  readonly #fetchModifiers: Make = () => this.#optional(() => ` (${this.#any(() => `${this.#word('CHANGEDSINCE')} ${this.#number64()}${this.#optional(() => ' VANISHED')}`, () => `${this.#word('PARTIAL')} ${this.#partial()}`, () => `PARTIAL ${this.#partial()} CHANGEDSINCE ${this.#number64()}`)})`)

  // ---------------------------------------------------------------- SEARCH: RFC 9051 §6.4.4

  readonly #searchKey: Make = () => {
    if (this.#depth < 5 && this.#chance(3)) {
      this.#depth++
      const key = this.#any(() => `${this.#word('NOT')} ${this.#searchKey()}`, () => `${this.#word('OR')} ${this.#searchKey()} ${this.#searchKey()}`, () => this.#list(this.#searchKey), () => `${this.#word('FUZZY')} ${this.#searchKey()}`)
      this.#depth--
      return key
    }
    return this.#any(
      () => this.#word('ALL', 'ANSWERED', 'DELETED', 'DRAFT', 'FLAGGED', 'NEW', 'OLD', 'RECENT', 'SEEN', 'UNANSWERED', 'UNDELETED', 'UNDRAFT', 'UNFLAGGED', 'UNSEEN', 'SAVEDATESUPPORTED'),
      () => `${this.#word('BCC', 'BODY', 'CC', 'FROM', 'SUBJECT', 'TEXT', 'TO')} ${this.#astring()}`,
      () => `${this.#word('HEADER')} ${this.#astring()} ${this.#astring()}`,
      () => `${this.#word('BEFORE', 'ON', 'SINCE', 'SENTBEFORE', 'SENTON', 'SENTSINCE', 'SAVEDBEFORE', 'SAVEDON', 'SAVEDSINCE')} ${this.#date()}`,
      () => `${this.#word('KEYWORD', 'UNKEYWORD', 'FILTER')} ${this.#pick(['a', '$x', 'Junk'])}`,
      () => `${this.#word('LARGER', 'SMALLER')} ${this.#number64()}`,
      () => `${this.#word('OLDER', 'YOUNGER', 'UIDAFTER', 'UIDBEFORE')} ${this.#nz()}`,
      () => `${this.#word('MODSEQ')} ${this.#optional(() => `"/flags/\\\\Seen" ${this.#word('all', 'priv', 'shared')} `)}${this.#number64()}`,
      () => `${this.#word('EMAILID', 'THREADID')} ${this.#atom()}`,
      () => `${this.#word('UID')} ${this.#set()}`,
      this.#set,
    )
  }
  readonly #charset: Make = () => this.#any(() => this.#word('UTF-8', 'US-ASCII'), () => '"utf-8"')
  readonly #returns: Make = () => `${this.#word('RETURN')} (${this.#any(() => '', () => this.#many(() => this.#any(() => this.#word('MIN', 'MAX', 'ALL', 'COUNT', 'SAVE', 'CONTEXT'), () => this.#word('UPDATE') + this.#optional(() => ` ${this.#list(this.#fetchItem)}`)), 4), () => `${this.#word('PARTIAL')} ${this.#partial()}${this.#optional(() => ' MIN COUNT')}`)}) `
  readonly #search: Make = () => this.#optional(this.#returns) + this.#optional(() => `${this.#word('CHARSET')} ${this.#charset()} `) + this.#many(this.#searchKey)
  readonly #sortKeys: Make = () => this.#list(() => this.#optional(() => 'REVERSE ') + this.#word('ARRIVAL', 'CC', 'DATE', 'FROM', 'SIZE', 'SUBJECT', 'TO', 'DISPLAYFROM', 'DISPLAYTO'))
  readonly #sources: Make = () => `IN (${this.#many(() => this.#any(() => this.#word('selected', 'inboxes', 'personal', 'subscribed'), () => `${this.#word('subtree', 'subtree-one', 'mailboxes')} ${this.#any(this.#mailbox, () => this.#list(this.#mailbox))}`), 3)}) `

  // ---------------------------------------------------------------- mailboxes

  readonly #statusItems: Make = () => this.#list(() => this.#word('MESSAGES', 'UIDNEXT', 'UIDVALIDITY', 'UNSEEN', 'DELETED', 'SIZE', 'HIGHESTMODSEQ', 'APPENDLIMIT', 'MAILBOXID', 'RECENT', 'DELETED-STORAGE'))
  readonly #entry: Make = () => this.#any(() => this.#pick(['/shared/comment', '/private/comment', '/private/vendor/x/y', '"/shared/comment"']), () => '{15}\r\n/private/comment'.replace('{15}', '{16}'))
  readonly #pattern: Make = () => this.#any(() => this.#pick(['*', '%', 'a/%', 'INBOX*', '""', '"%/x y"', '#news']), this.#mailbox)
  readonly #list_: Make = () => {
    const select = this.#optional(() => `(${this.#any(() => '', () => this.#many(() => this.#word('SUBSCRIBED', 'REMOTE', 'SPECIAL-USE'), 3), () => 'SUBSCRIBED RECURSIVEMATCH')}) `)
    const returns = this.#optional(() => ` ${this.#word('RETURN')} (${this.#any(() => '', () => this.#many(() => this.#any(() => this.#word('SUBSCRIBED', 'CHILDREN', 'SPECIAL-USE', 'MYRIGHTS'), () => `STATUS ${this.#statusItems()}`, () => `METADATA ${this.#list(this.#entry)}`)))})`)
    return `${select}${this.#mailbox()} ${this.#any(this.#pattern, () => this.#list(this.#pattern))}${returns}`
  }
  readonly #resync: Make = () => `QRESYNC (${this.#nz()} ${this.#pick(['1', '99', '9223372036854775807'])}${this.#optional(() => ` ${this.#many(() => this.#pick(['1', '2:5', '9']), 3, ',')}${this.#optional(() => ' (1,3 2,4)')}`)})`
  readonly #selectParameters: Make = () => this.#optional(() => ` (${this.#any(() => this.#word('CONDSTORE'), this.#resync)})`)
  readonly #event: Make = () => this.#word('MailboxName', 'SubscriptionChange', 'MailboxMetadataChange', 'ServerMetadataChange')
  readonly #others: Make = () => `(${this.#any(() => this.#word('inboxes', 'personal', 'subscribed'), () => `${this.#word('subtree', 'mailboxes')} ${this.#any(this.#mailbox, () => this.#list(this.#mailbox))}`)} ${this.#any(() => this.#word('NONE'), () => this.#list(this.#event), () => `(MessageNew MessageExpunge${this.#optional(() => ' FlagChange')}${this.#optional(() => ` ${this.#event()}`)})`)})`
  readonly #ofSelected: Make = () => `(${this.#word('selected', 'selected-delayed')} ${this.#any(() => 'NONE', () => `(MessageNew${this.#optional(() => ` ${this.#list(this.#fetchItem)}`)} MessageExpunge${this.#optional(() => ' FlagChange')})`)})`
  readonly #notify: Make = () => this.#any(() => this.#word('NONE'), () => `${this.#word('SET')} ${this.#optional(() => 'STATUS ')}${this.#any(this.#ofSelected, () => this.#many(this.#others, 3), () => `${this.#ofSelected()} ${this.#many(this.#others, 3)}`)}`)
  readonly #rights: Make = () => this.#any(() => this.#pick(['lrs', '+wi', '-a', '""', 'lrswipkxteacd']))
  readonly #value: Make = () => this.#any(this.#nstring, () => `~{3${this.#pick(['', '+'])}}\r\n\0\r\n`)
  readonly #limits: Make = () => (this.#chance(6) ? '()' : `(${[...new Set([this.#pick(['STORAGE', 'MESSAGE']), this.#pick(['MAILBOX', 'ANNOTATION-STORAGE'])])].map((name) => `${this.#cased(name)} ${this.#number()}`).join(' ')})`)

  // ---------------------------------------------------------------- commands

  readonly #commands: Readonly<Record<string, Make>> = {
    'FETCH': () => `${this.#set()} ${this.#fetchItems()}${this.#fetchModifiers()}`,
    'SEARCH': this.#search,
    'SORT': () => `${this.#optional(this.#returns)}${this.#sortKeys()} ${this.#charset()} ${this.#many(this.#searchKey)}`,
    'THREAD': () => `${this.#word('ORDEREDSUBJECT', 'REFERENCES', 'REFS')} ${this.#charset()} ${this.#many(this.#searchKey)}`,
    'STORE': () => `${this.#set()} ${this.#optional(() => `(${this.#word('UNCHANGEDSINCE')} ${this.#number64()}) `)}${this.#pick(['', '+', '-'])}${this.#word('FLAGS', 'FLAGS.SILENT')} ${this.#any(this.#flags, () => this.#many(this.#flag))}`,
    'ESEARCH': () => `${this.#optional(this.#sources)}${this.#optional(this.#returns)}${this.#many(this.#searchKey)}`,
    'LIST': this.#list_,
    'LSUB': () => `${this.#mailbox()} ${this.#pattern()}`,
    'STATUS': () => `${this.#mailbox()} ${this.#statusItems()}`,
    'SELECT': () => this.#mailbox() + this.#selectParameters(),
    'CREATE': () => `${this.#mailbox()}${this.#optional(() => ` (USE (${this.#word('\\Sent', '\\Drafts', '\\Junk')}))`)}`,
    'NOTIFY': this.#notify,
    'SETACL': () => `${this.#mailbox()} ${this.#pick(['anyone', '-bob', '"a b"'])} ${this.#rights()}`,
    'DELETEACL': () => `${this.#mailbox()} ${this.#pick(['anyone', '{3+}\r\nbob'])}`,
    'GETMETADATA': () => `${this.#optional(() => `(${this.#any(() => `MAXSIZE ${this.#number()}`, () => `DEPTH ${this.#word('0', '1', 'infinity')}`)}) `)}${this.#mailbox()} ${this.#any(this.#entry, () => this.#list(this.#entry))}`,
    'SETMETADATA': () => `${this.#mailbox()} ${this.#list(() => `${this.#entry()} ${this.#value()}`)}`,
    'SETQUOTA': () => `${this.#astring()} ${this.#limits()}`,
    'GETQUOTA': this.#astring,
    'ID': () => this.#any(() => this.#word('NIL'), () => this.#list(() => `${this.#pick(['"name"', '"version"', '{2}\r\nos'])} ${this.#nstring()}`)),
    'LOGIN': () => `${this.#astring()} ${this.#astring()}`,
    'AUTHENTICATE': () => `${this.#word('PLAIN', 'SCRAM-SHA-256', 'XOAUTH2')}${this.#optional(() => ` ${this.#pick(['=', 'AGEAYg==', 'bg=='])}`)}`,
    'COMPRESS': () => this.#word('DEFLATE'),
    'CANCELUPDATE': () => this.#many(() => this.#pick(['"t1"', '"a b"', '{2}\r\nt2'])),
    'UIDBATCHES': () => `${this.#nz()}${this.#optional(() => ' 1:3')}`,
    'APPEND': this.#mailbox,
    'REPLACE': () => `${this.#end()} ${this.#mailbox()}`,
    'CATENATE part': () => this.#any(() => `${this.#word('URL')} ${this.#pick(['/INBOX/;UID=1', '"/a b;UIDVALIDITY=3/;UID=7/;SECTION=1.MIME"', '{13}\r\n/INBOX/;UID=2'])}`, () => `${this.#word('TEXT')} `, () => `${this.#word('UTF8')} (`),
    'APPEND message': () => this.#optional(() => `${this.#flags()} `) + this.#optional(() => `${this.#dateTime()} `) + this.#any(() => '', () => 'CATENATE (', () => 'UTF8 ('),
  }

  /** A command word of {@link parsersOf} and its arguments, the space before them included. */
  command(): { readonly word: string; readonly text: string } {
    const word = this.#pick(Object.keys(this.#commands))
    return { word, text: ` ${this.#commands[word]?.() ?? ''}` }
  }

  readonly #content: Make = () => `${this.#pick(['', '~'])}{${this.#pick(['6+}\r\na: b\r\n', '2+}\r\n\0\0', '0+}\r\n', '11+}\r\nA: \xc3\xa4\r\n\r\nab'])}`
  readonly #message: Make = () => this.#optional(() => `${this.#flags()} `) + this.#optional(() => `${this.#dateTime()} `) + this.#any(this.#content, this.#content, () => `UTF8 (${this.#content()})`, () => `CATENATE (${this.#many(() => this.#any(() => `TEXT ${this.#content()}`, () => `UTF8 (${this.#content()})`, () => `URL ${this.#pick(['/INBOX/;UID=1', '"/Sent/;UID=2/;SECTION=TEXT"', '{13+}\r\n/INBOX/;UID=3'])}`))})`)
  /** Those that only a server can answer, or that are easier whole. */
  readonly #whole: readonly Make[] = [
    () => this.#word('NOOP', 'CHECK', 'EXPUNGE', 'CAPABILITY', 'NAMESPACE'),
    () => `SELECT INBOX${this.#selectParameters()}`,
    () => `SELECT ${this.#pick(['INBOX', 'Sent', '"Other Users/fuzzowner@example.org/INBOX"'])}`,
    () => `${this.#word('EXAMINE', 'DELETE', 'SUBSCRIBE', 'UNSUBSCRIBE', 'GETACL', 'MYRIGHTS', 'GETQUOTAROOT')} ${this.#mailbox()}`,
    () => `${this.#pick(['', 'UID '])}${this.#word('COPY', 'MOVE')} ${this.#set()} ${this.#mailbox()}`,
    () => `UID EXPUNGE ${this.#set()}`,
    () => `RENAME ${this.#mailbox()} ${this.#mailbox()}`,
    () => `LISTRIGHTS ${this.#mailbox()} anyone`,
    () => `APPEND ${this.#mailbox()} ${this.#many(this.#message, 3)}`,
    () => `APPEND INBOX ${this.#message()}`,
    () => `${this.#pick(['', 'UID '])}REPLACE ${this.#end()} ${this.#mailbox()} ${this.#message()}`,
    () => `ENABLE ${this.#many(() => this.#word('CONDSTORE', 'QRESYNC', 'IMAP4rev2', 'UTF8=ACCEPT', 'UIDONLY', 'X'))}`,
    () => `IDLE\r\n${this.#pick(['DONE', 'done', 'NOOP'])}`,
    () => this.#word('CLOSE', 'UNSELECT', 'UNAUTHENTICATE'),
  ]

  /** A whole command behind its tag, without the end of its line. */
  line(): string {
    if (this.#chance(2)) return this.#pick(this.#whole)()
    const { word, text } = this.command()
    if (['COMPRESS', 'APPEND', 'REPLACE', 'CATENATE part', 'APPEND message'].includes(word)) return this.line()
    return `${['FETCH', 'SEARCH', 'SORT', 'THREAD', 'STORE'].includes(word) ? this.#pick(['', 'UID ']) : ''}${word}${text}`
  }

  /** Some octets are others, gone, or there twice; or a piece of another command stands in it. */
  spoil(text: string): string {
    let spoilt = text
    for (let count = 1 + this.#random(3); count > 0; count--) {
      const at = this.#random(spoilt.length + 1)
      const to = Math.min(spoilt.length, at + 1 + this.#random(6))
      const rest = spoilt.slice(to)
      const piece = this.#any(() => '', () => this.#pick(['(', ')', '[', ']', '<', '>', '"', '\\', '{', '}', '{9}', '{9+}\r\n', '~', ' ', '  ', '\r\n', '\0', '\xff', '$', '*', ':', ',', '-', '0', '9'.repeat(25), '('.repeat(60), 'NOT '.repeat(60)]), () => spoilt.slice(at, to).repeat(2), () => this.command().text.slice(this.#random(12)), () => String.fromCharCode(this.#random(256)))
      spoilt = spoilt.slice(0, at) + piece + (this.#chance(2) ? rest : spoilt.slice(at))
    }
    return spoilt
  }
}
