/** The values of the directory, as every other room sees them. Addresses are in their folded spelling (formats/address). */

/** A person's set of mailboxes. */
export interface Account {
  /** Given once, never reused; names the account log and its blobs. */
  readonly id: string
  /** `user@domain`: domain in lower-case A-labels, local part in lower case and NFC. */
  readonly address: string
  readonly domain: string
  /** Takes no mail and no login; what is there stays. */
  readonly disabled: boolean
  /** null: the setting `accounts.quotaBytes`; 0: unlimited. */
  readonly quotaBytes: number | null
  /** The same of messages, mailboxes and octets of annotations; absent as null. */
  readonly quotaMessages?: number | null
  readonly quotaMailboxes?: number | null
  readonly quotaAnnotationBytes?: number | null
  readonly createdAt: number
  /** The person's name, for the From line of clients that ask. */
  readonly name?: string
}

export interface Alias {
  readonly address: string
  /** Local or remote, at least one. */
  readonly targets: readonly string[]
  readonly createdAt: number
}

export interface DkimKey {
  readonly selector: string
  readonly algorithm: 'rsa' | 'ed25519'
  /** PKCS #8 */
  readonly privateKeyPem: string
  readonly createdAt: number
  /** Why it does not sign (dkimRotation.ts); absent: it signs. */
  readonly use?: 'waits' | 'rests'
}

/** Takes all mail of a domain's users to other servers, instead of their MX. */
export interface Smarthost {
  readonly host: string
  readonly port: number
  readonly tls: 'starttls' | 'implicit' | 'none'
  readonly login?: string
  readonly password?: string
}

export interface Domain {
  /** Lower-case A-labels. */
  readonly name: string
  /** Where mail for unknown local parts goes; null: it is refused. */
  readonly catchAll: string | null
  /** Who answers for the domain: mail for postmaster and abuse goes there unless these have a row of their own. The first user at first. */
  readonly postmaster: string | null
  /** All accounts of the domain together; null: the setting `accounts.domainQuotaBytes`; 0: unlimited. */
  readonly quotaBytes: number | null
  /** What a failed DMARC check of mail to this domain leads to: the sender's policy, or a mark only. */
  readonly dmarc: 'obey' | 'mark'
  /** Instead of the settings `inbound.junkScore` and `inbound.refuseScore`. */
  readonly junkScore?: number
  readonly refuseScore?: number
  /** Every key whose public half is published; mail is signed with all of them. */
  readonly dkim: readonly DkimKey[]
  readonly smarthost: Smarthost | null
  /** Signs the reverse paths of forwarded mail (SRS). */
  readonly srsSecret: string
  readonly createdAt: number
}

/** What an address is to us. */
export type Resolution =
  | { readonly kind: 'account'; readonly account: Account; readonly address: string; readonly detail?: string }
  | { readonly kind: 'alias'; readonly address: string; readonly targets: readonly string[] }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'disabled'; readonly account: Account }
  | { readonly kind: 'remote' }
