/** What an account may hold: its own word, else the settings'; 0 stands for any amount. */
import type { Config } from '#lib/config.ts'
import type { Account } from './account.ts'

/** Undefined: no limit. */
export interface AccountLimits {
  readonly bytes: number | undefined
  readonly messages: number | undefined
  readonly mailboxes: number | undefined
  readonly annotationBytes: number | undefined
}

/** Null: the setting; 0: any amount. */
export type OwnLimits = Pick<Account, 'quotaBytes' | 'quotaMessages' | 'quotaMailboxes' | 'quotaAnnotationBytes'>

export function limitsOf(own: OwnLimits, settings: Pick<Config['accounts'], 'quotaBytes' | 'quotaMessages' | 'quotaMailboxes' | 'quotaAnnotationBytes'>): AccountLimits {
  return {
    bytes: (own.quotaBytes ?? settings.quotaBytes) || undefined,
    messages: (own.quotaMessages ?? settings.quotaMessages) || undefined,
    mailboxes: (own.quotaMailboxes ?? settings.quotaMailboxes) || undefined,
    annotationBytes: (own.quotaAnnotationBytes ?? settings.quotaAnnotationBytes) || undefined,
  }
}
