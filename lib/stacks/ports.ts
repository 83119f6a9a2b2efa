/** Ports of the front. Pure: no CDK here. */

/** TLS from the start, and port 25 and 587, where STARTTLS is the rule. A load balancer's service takes no more than five. */
export const balancedPorts = [25, 465, 587, 993, 995] as const
/** With STARTTLS for IMAP and POP3 as well; RFC 8314 §3 prefers the ports above. */
export const mailPorts = [...balancedPorts, 143, 110] as const
/** Health and metrics, for AWS's checks alone. */
export const healthPort = 80

/** The network of the front: 64 addresses for each zone. */
export const frontRange = '10.25.0.0/24'
