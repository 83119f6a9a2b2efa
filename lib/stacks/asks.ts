/**
 * What AWS must be asked for: where, and the text to send. Nobody can deploy this: a person at AWS decides. After a
 * deployment the values of outputs are printed without their descriptions, so a value says all that is needed.
 * Pure: no CDK here.
 */
import { choices } from './choices.ts'
import type { Choices } from './choices.ts'

export interface Ask {
  /** Name of the output; all of them begin with Ask. */
  readonly id: string
  readonly description: string
  readonly value: string
}

export interface FixedAddress {
  readonly hostname: string
  readonly address: string
  readonly allocation: string
  readonly region: string
}

/** https://docs.aws.amazon.com/vpc/latest/userguide/vpc-elastic-ips.html, "reverse DNS". */
export function askPort25({ hostname, address, allocation, region }: FixedAddress): Ask[] {
  return [
    {
      id: 'AskPort25',
      description: 'What to ask AWS for, so that port 25 is opened',
      value: `With the form at https://console.aws.amazon.com/support/contacts?#/rdns-limits (signed in as the root user) send: Elastic IP address: ${address}. Reverse DNS record: ${hostname}. Use case: this is the mail server of our own domain. It sends the personal and business mail that its users write, after they have logged in; no bulk mail. Bounces and complaints reach our postmaster. SPF, DKIM and DMARC are published. Please remove the port 25 restriction for this address in ${region}, also for Lambda functions that leave through it.`,
    },
    {
      id: 'AskReverseDns',
      description: 'The PTR record of the address',
      value: `Once ${hostname} is seen in public (dig ${hostname}), run: aws ec2 modify-address-attribute --region ${region} --allocation-id ${allocation} --domain-name ${hostname}`,
    },
  ]
}

/** The command on this deployment; its usual name need not be said. */
export const commandFor = (stack: string): string => `npx pennypost --aws${stack === choices.stack.default ? '' : ` --stack ${stack}`}`

/** https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html */
export function askProduction({ domain, hostname, stack }: Pick<Choices, 'domain' | 'hostname' | 'stack'>, region: string): Ask[] {
  return [
    {
      id: 'AskSesProduction',
      description: 'What to ask AWS for, so that SES sends to everyone',
      value: `Until this is granted, SES sends to verified addresses alone. With "Request production access" at https://console.aws.amazon.com/ses/home?region=${region}#/account send: Mail type: transactional. Website: https://${domain}. Use case: ${hostname} is the mail server of our own domain ${domain}. It sends what its users write, after they have logged in, and the bounces of the server itself; no bulk mail and no lists that we did not build. Recipients are people our users write to. Bounces and complaints come back to the sender's mailbox on the same server, and to our postmaster, who removes accounts that are misused.`,
    },
    {
      id: 'AskSesPassword',
      description: 'How mail to others gets its name and password at SES',
      value: `Make a name and password for SMTP at https://console.aws.amazon.com/ses/home?region=${region}#/smtp, then: ${commandFor(stack)} domain set ${domain} --smarthost email-smtp.${region}.amazonaws.com:587 --smarthost-user NAME`,
    },
  ]
}
