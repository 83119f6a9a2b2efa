/** What is advertised, before and after login. What stands here is whole; what is not whole does not stand here. */
import { loginClient } from './loginClient.ts'
import { limitCapabilities } from './messageLimit.ts'
import type { Session } from './session.ts'

/** RFC 9051 §6.1.1; both revisions are served. RFC 7888: non-synchronising literals of any size. */
const always = ['IMAP4rev1', 'IMAP4rev2', 'LITERAL+', 'SASL-IR', 'ID', 'ENABLE', 'IDLE']

const afterLogin = [
  'NAMESPACE', 'CHILDREN', 'UNSELECT', 'UIDPLUS', 'MOVE', 'SPECIAL-USE', 'CREATE-SPECIAL-USE', 'LIST-EXTENDED', 'LIST-STATUS',
  'STATUS=SIZE', 'ESEARCH', 'SEARCHRES', 'SORT', 'SORT=DISPLAY', 'ESORT', 'THREAD=ORDEREDSUBJECT', 'THREAD=REFERENCES', 'THREAD=REFS',
  'CONTEXT=SEARCH', 'CONTEXT=SORT', 'MULTISEARCH', 'SEARCH=FUZZY', 'FILTERS', 'PARTIAL', 'INPROGRESS', 'WITHIN', 'CONDSTORE', 'QRESYNC', 'UIDONLY', 'UIDBATCHES', 'UTF8=ACCEPT', 'NOTIFY', 'MULTIAPPEND', 'CATENATE', 'REPLACE', 'COMPRESS=DEFLATE', 'BINARY', 'QUOTA', 'QUOTASET', 'QUOTA=RES-STORAGE', 'QUOTA=RES-MESSAGE', 'QUOTA=RES-MAILBOX', 'QUOTA=RES-ANNOTATION-STORAGE', 'ACL', 'RIGHTS=texk', 'LIST-MYRIGHTS', 'METADATA', 'METADATA-SERVER', 'LIST-METADATA',
  'OBJECTID', 'SAVEDATE', 'PREVIEW',
]

export function capabilities(session: Session): string {
  const words = session.state === 'notAuthenticated' ? beforeLogin(session) : [...always, ...afterLogin, ...(session.deps.settings.unauthenticate ? ['UNAUTHENTICATE'] : []), ...limitCapabilities(session), `APPENDLIMIT=${session.deps.maxMessageBytes}`]
  return words.join(' ')
}

function beforeLogin(session: Session): string[] {
  const startTls = session.deps.tls !== undefined && !session.connection.secure ? ['STARTTLS'] : []
  // RFC 9051 §6.2.3: LOGINDISABLED while passwords would travel in the clear.
  return [...always, ...startTls, ...(session.mayLogIn ? mechanisms(session) : ['LOGINDISABLED'])]
}

function mechanisms(session: Session): string[] {
  return session.deps.authenticator.mechanisms(loginClient(session)).map((mechanism) => `AUTH=${mechanism}`)
}
