import { after } from 'node:test'
import { playFile } from '#test/dialogue/play.ts'
import { openStage } from './stage.ts'

const open = await openStage({ imap: { minBatchMessages: 2, maxAppendMessages: 5, maxSearchContexts: 3 } })
/** Where passwords in clear are never taken. */
const strict = await openStage({ deps: { allowInsecureLogin: 'never' } })
/** Where what can be switched off is. */
const bare = await openStage({ imap: { unauthenticate: false, otherUsersName: '', sharedName: '' } })
/** Where one command may not do much. */
const limited = await openStage({ imap: { messageLimit: 2 } })
const saving = await openStage({ imap: { saveLimit: 2 } })
after(() => Promise.all([open.stop(0), strict.stop(0), limited.stop(0), saving.stop(0), bare.stop(0)]))

const folder = new URL('../../dialogue/imap/', import.meta.url)
playFile(new URL('session.txt', folder), strict)
playFile(new URL('capability.txt', folder), strict)
playFile(new URL('switchedoff.txt', folder), bare)
playFile(new URL('messagelimit.txt', folder), limited)
playFile(new URL('savelimit.txt', folder), saving)
for (const file of ['login', 'mailboxes', 'select', 'append', 'store', 'fetch', 'search', 'sort', 'thread', 'partial', 'context', 'esearch', 'fuzzy', 'filters', 'searches', 'condstore', 'qresync', 'uidonly', 'utf8', 'uidbatches', 'unauthenticate', 'multiappend', 'catenate', 'replace', 'notify', 'acl', 'metadata', 'quota', 'shared', 'idle', 'meetings']) playFile(new URL(`${file}.txt`, folder), open)
