/** What others ask for the same mail, by their price pages in November 2026. */
import type { BillQuestion } from '#lib/engine/aws/bill.ts'

export interface OtherWay {
  readonly name: string
  readonly dollars: number
  readonly what: string
  readonly source: string
}

export function otherWays({ received, sent, sizeBytes, mailboxes }: BillQuestion): OtherWay[] {
  const chunks = Math.max(1, Math.ceil(sizeBytes / (256 * 1024)))
  const sentGb = (sent * sizeBytes) / 1e9
  const ways: OtherWay[] = [
    { name: 'Amazon WorkMail', dollars: 4 * mailboxes, what: '$4 a user and month; it ends on 2027-03-31', source: 'https://aws.amazon.com/workmail/pricing/' },
    { name: 'Google Workspace Business Starter', dollars: 7 * mailboxes, what: '$7 a user and month, paid by the year', source: 'https://workspace.google.com/pricing' },
    { name: 'Amazon SES', dollars: (received * (0.1 + 0.09 * chunks) + sent * 0.1) / 1000 + sentGb * 0.12, what: 'receives and sends, but has no mailboxes, no IMAP and no POP3', source: 'https://aws.amazon.com/ses/pricing/' },
    { name: 'Purelymail', dollars: (received * 0.03) / 1000, what: 'pay as you go, received mail alone', source: 'https://purelymail.com/pricing' },
    { name: 'a small rented machine', dollars: 17.5, what: 't4g.small with 20 GB and an address, for whoever looks after Postfix and Dovecot on it', source: 'https://aws.amazon.com/ec2/pricing/on-demand/' },
  ]
  return ways.map((way) => ({ ...way, dollars: Number(way.dollars.toFixed(4)) }))
}
