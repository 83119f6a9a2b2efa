/**
 * What the checks of one message found: the value that travels from the SMTP dialogue to the filing.
 * Result words are those of RFC 8601 §2.7.
 */
export type SpfResult = 'pass' | 'fail' | 'softfail' | 'neutral' | 'none' | 'temperror' | 'permerror'
export type DkimResult = 'pass' | 'fail' | 'neutral' | 'none' | 'policy' | 'temperror' | 'permerror'
export type DmarcResult = 'pass' | 'fail' | 'none' | 'temperror' | 'permerror'
export type ArcResult = 'pass' | 'fail' | 'none'
export type DmarcPolicy = 'none' | 'quarantine' | 'reject'

export interface SpfVerdict {
  readonly result: SpfResult
  /** Domain of MAIL FROM, or the HELO name for the null reverse path; A-labels, lower case. */
  readonly domain: string
  readonly identity: 'mailfrom' | 'helo'
}

export interface DkimVerdict {
  readonly result: DkimResult
  readonly domain: string
  readonly selector: string
  readonly algorithm: string
  /** AUID, `@domain` when the signature names none. */
  readonly identity: string
  /** First characters of the signature (RFC 6008 §3). */
  readonly signature: string
  /** The domain aligns with the author's. */
  readonly aligned: boolean
  readonly comment?: string
}

export interface DmarcVerdict {
  readonly result: DmarcResult
  /** Domain of the From field. */
  readonly domain: string
  /** Where the record that applies stands; empty without one. */
  readonly policyDomain: string
  /** What the record asks for this message, `sp`, `np` and `t` considered. */
  readonly policy: DmarcPolicy
  /** Share of failing messages the policy is asked for, 0 to 100. */
  readonly percent: number
  readonly alignment: { readonly spf: boolean; readonly dkim: boolean }
  /** Why nothing could be judged: no author, several, no valid domain. */
  readonly reason?: string
}

export interface ArcVerdict {
  readonly result: ArcResult
  /** Sets in the chain. */
  readonly instance: number
  /** Domain of the newest seal. */
  readonly sealer?: string
  /** What the newest sealer says DMARC was when it got the message. */
  readonly dmarcBefore?: string
}

export interface AuthVerdict {
  readonly spf: SpfVerdict
  readonly dkim: readonly DkimVerdict[]
  readonly dmarc: DmarcVerdict
  readonly arc: ArcVerdict
}

/** One reason of a spam score; points below zero speak for the message. */
export interface SpamReason {
  readonly name: string
  readonly points: number
}

/** Everything known about a message before its recipients are looked at. */
export interface Verdict {
  /** Absent where nothing is checked: trusted and authenticated clients, or checks switched off. */
  readonly auth?: AuthVerdict
  /** Absent where nothing is scored. */
  readonly spam?: { readonly score: number; readonly reasons: readonly SpamReason[] }
  /** Draws the share of `pct`: 0 to 99, the same for the message's whole life. */
  readonly draw: number
}
