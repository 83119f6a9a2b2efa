/** RFC 1939 §7, UIDL: the same in every session, never given to another message of the maildrop (RFC 9051 §2.3.1.1). */
export function writeUniqueId(uidValidity: number, uid: number): string {
  return `${uidValidity}.${uid}`
}
