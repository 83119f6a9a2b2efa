/** Whom RCPT TO:<postmaster> means, which every server must take. RFC 5321 §4.5.1 */
import type { Domain } from '#lib/mail/accounts/directory.ts'

export interface PostmasterDeps {
  readonly directory: { domain(name: string): Promise<Domain | undefined>; listDomains(): Promise<readonly Domain[]> }
  readonly hostname: string
  /** smtp.postmaster */
  readonly named: string
}

/** The one named, else of the domain this host is in, else of the first domain there is. */
export async function postmasterAddress({ directory, hostname, named }: PostmasterDeps): Promise<string> {
  if (named !== '') return named
  const labels = hostname.split('.')
  for (let from = 0; from < labels.length; from++) {
    const domain = await directory.domain(labels.slice(from).join('.'))
    if (domain !== undefined) return `postmaster@${domain.name}`
  }
  const [first] = await directory.listDomains()
  return `postmaster@${first?.name ?? hostname}`
}
