/**
 * Every command: its word, the states in which it is allowed, whether EXPUNGE may be told with its answer, its handler.
 * RFC 9051 §7.5.1: no EXPUNGE while FETCH, STORE or SEARCH by sequence number are answered.
 */
import type { Handler } from './command.ts'
import { deleteAcl, getAcl, listRights, myRights, setAcl } from './commands/acl.ts'
import { append } from './commands/append.ts'
import { authenticate } from './commands/authenticate.ts'
import { capability } from './commands/capability.ts'
import { cancelUpdate } from './commands/cancelUpdate.ts'
import { close, unselect } from './commands/close.ts'
import { compress } from './commands/compress.ts'
import { copy, move, uidCopy, uidMove } from './commands/copy.ts'
import { create } from './commands/create.ts'
import { remove } from './commands/delete.ts'
import { enable } from './commands/enable.ts'
import { esearch } from './commands/esearch.ts'
import { expunge, uidExpunge } from './commands/expunge.ts'
import { fetch, uidFetch } from './commands/fetch.ts'
import { id } from './commands/id.ts'
import { idle } from './commands/idle.ts'
import { list, lsub } from './commands/list.ts'
import { login } from './commands/login.ts'
import { logout } from './commands/logout.ts'
import { getMetadata, setMetadata } from './commands/metadata.ts'
import { namespace } from './commands/namespace.ts'
import { noop } from './commands/noop.ts'
import { notify } from './commands/notify.ts'
import { getQuota, getQuotaRoot, setQuota } from './commands/quota.ts'
import { rename } from './commands/rename.ts'
import { replace, uidReplace } from './commands/replace.ts'
import { search, uidSearch } from './commands/search.ts'
import { examine, select } from './commands/select.ts'
import { sort, uidSort } from './commands/sort.ts'
import { startTls } from './commands/startTls.ts'
import { status } from './commands/status.ts'
import { store, uidStore } from './commands/store.ts'
import { subscribe, unsubscribe } from './commands/subscribe.ts'
import { thread, uidThread } from './commands/thread.ts'
import { uidBatches } from './commands/uidBatches.ts'
import { unauthenticate } from './commands/unauthenticate.ts'
import type { SessionState } from './session.ts'

export interface CommandEntry {
  readonly states: readonly SessionState[]
  readonly mayExpunge: boolean
  readonly handler: Handler
}

const always: readonly SessionState[] = ['notAuthenticated', 'authenticated', 'selected']
const beforeLogin: readonly SessionState[] = ['notAuthenticated']
const afterLogin: readonly SessionState[] = ['authenticated', 'selected']
const inMailbox: readonly SessionState[] = ['selected']

const entry = (states: readonly SessionState[], handler: Handler): CommandEntry => ({ states, mayExpunge: true, handler })
const quiet = (handler: Handler): CommandEntry => ({ states: inMailbox, mayExpunge: false, handler })

export const commands: ReadonlyMap<string, CommandEntry> = new Map<string, CommandEntry>([
  ['CAPABILITY', entry(always, capability)],
  ['NOOP', entry(always, noop)],
  ['LOGOUT', entry(always, logout)],
  ['ID', entry(always, id)],
  ['STARTTLS', entry(beforeLogin, startTls)],
  ['AUTHENTICATE', entry(beforeLogin, authenticate)],
  ['LOGIN', entry(beforeLogin, login)],
  ['ENABLE', entry(afterLogin, enable)],
  ['COMPRESS', entry(afterLogin, compress)],
  ['UNAUTHENTICATE', entry(afterLogin, unauthenticate)],
  ['NOTIFY', entry(afterLogin, notify)],
  ['NAMESPACE', entry(afterLogin, namespace)],
  ['SELECT', entry(afterLogin, select)],
  ['EXAMINE', entry(afterLogin, examine)],
  ['CREATE', entry(afterLogin, create)],
  ['DELETE', entry(afterLogin, remove)],
  ['RENAME', entry(afterLogin, rename)],
  ['SUBSCRIBE', entry(afterLogin, subscribe)],
  ['UNSUBSCRIBE', entry(afterLogin, unsubscribe)],
  ['LIST', entry(afterLogin, list)],
  ['LSUB', entry(afterLogin, lsub)],
  ['STATUS', entry(afterLogin, status)],
  ['APPEND', entry(afterLogin, append)],
  ['IDLE', entry(afterLogin, idle)],
  ['GETQUOTA', entry(afterLogin, getQuota)],
  ['GETQUOTAROOT', entry(afterLogin, getQuotaRoot)],
  ['SETQUOTA', entry(afterLogin, setQuota)],
  ['SETACL', entry(afterLogin, setAcl)],
  ['DELETEACL', entry(afterLogin, deleteAcl)],
  ['GETACL', entry(afterLogin, getAcl)],
  ['LISTRIGHTS', entry(afterLogin, listRights)],
  ['MYRIGHTS', entry(afterLogin, myRights)],
  ['GETMETADATA', entry(afterLogin, getMetadata)],
  ['SETMETADATA', entry(afterLogin, setMetadata)],
  ['CHECK', entry(inMailbox, noop)],
  ['CLOSE', entry(inMailbox, close)],
  ['UNSELECT', entry(inMailbox, unselect)],
  ['EXPUNGE', entry(inMailbox, expunge)],
  ['UIDBATCHES', entry(inMailbox, uidBatches)],
  ['UID EXPUNGE', entry(inMailbox, uidExpunge)],
  ['SEARCH', quiet(search)],
  ['UID SEARCH', entry(inMailbox, uidSearch)],
  ['SORT', quiet(sort)],
  ['UID SORT', entry(inMailbox, uidSort)],
  ['THREAD', quiet(thread)],
  ['UID THREAD', entry(inMailbox, uidThread)],
  ['ESEARCH', entry(afterLogin, esearch)],
  ['CANCELUPDATE', entry(inMailbox, cancelUpdate)],
  ['FETCH', quiet(fetch)],
  ['UID FETCH', entry(inMailbox, uidFetch)],
  ['STORE', quiet(store)],
  ['UID STORE', entry(inMailbox, uidStore)],
  ['COPY', entry(inMailbox, copy)],
  ['UID COPY', entry(inMailbox, uidCopy)],
  ['MOVE', entry(inMailbox, move)],
  ['UID MOVE', entry(inMailbox, uidMove)],
  ['REPLACE', entry(inMailbox, replace)],
  ['UID REPLACE', entry(inMailbox, uidReplace)],
])
