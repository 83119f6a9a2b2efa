/** DNS as an argument. Answers tell "there is none" from "could not be asked", which mail must never mix up. */
export interface MxRecord {
  readonly exchange: string
  readonly priority: number
}

/**
 * - `found`: at least one record
 * - `no-data`: the name exists, this type does not
 * - `no-name`: the name does not exist (NXDOMAIN)
 * - `failed`: a passing fault (SERVFAIL, timeout, refused): try again later
 */
export type DnsAnswer<T> =
  | { readonly status: 'found'; readonly records: readonly T[] }
  | { readonly status: 'no-data' | 'no-name' }
  | { readonly status: 'failed'; readonly reason: string }

export interface Resolver {
  mx(name: string): Promise<DnsAnswer<MxRecord>>
  a(name: string): Promise<DnsAnswer<string>>
  aaaa(name: string): Promise<DnsAnswer<string>>
  /** Each record's strings joined. */
  txt(name: string): Promise<DnsAnswer<string>>
  ptr(address: string): Promise<DnsAnswer<string>>
}
