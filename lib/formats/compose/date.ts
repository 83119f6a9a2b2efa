/** RFC 5322 §3.3, in UTC. `at` is ms since 1970. */
export function formatDate(at: number): string {
  return new Date(at).toUTCString().replace('GMT', '+0000')
}
