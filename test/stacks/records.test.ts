import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { askPort25, askProduction } from '#lib/stacks/asks.ts'
import { readChoices } from '#lib/stacks/choices.ts'
import { readDkimRecords, recordsOf } from '#lib/stacks/records.ts'
import { resourcesOf, synthesise } from './synthesised.ts'

const recordsFor = (choice: Record<string, unknown>): string[] => recordsOf(readChoices([{ domain: 'example.com', ...choice }])).map(({ name, type, value }) => `${name} ${type} ${value}`)

/** What `domain show --json` writes, shortened. */
const shown = {
  name: 'example.com',
  dnsRecords: [
    { type: 'MX', name: 'example.com', value: '10 mail.example.com.' },
    { type: 'TXT', name: 'rsa202611._domainkey.example.com', value: `"v=DKIM1; k=rsa; p=${'A'.repeat(237)}" "${'B'.repeat(140)}"` },
    { type: 'TXT', name: 'ed25519202611._domainkey.example.com', value: '"v=DKIM1; k=ed25519; p=abc"' },
  ],
}

function withFile(content: unknown, work: (file: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'pennypost-records-'))
  try {
    writeFileSync(join(folder, 'domain.json'), JSON.stringify(content))
    work(join(folder, 'domain.json'))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('records of a domain', () => {
  it('SPF names those who send: SES, another smarthost softly, or the fixed address', () => {
    assert.ok(recordsFor({}).includes('example.com TXT v=spf1 include:amazonses.com -all'))
    assert.ok(recordsFor({ smarthost: 'other' }).includes('example.com TXT v=spf1 mx ~all'))
    assert.ok(recordsFor({ outbound: 'direct' }).includes('example.com TXT v=spf1 a:out.mail.example.com -all'))
  })

  it('reports of broken TLS go where they do not depend on it', () => {
    assert.ok(recordsFor({ contact: 'owner@example.net' }).includes('_smtp._tls.example.com TXT v=TLSRPTv1; rua=mailto:owner@example.net'))
  })

  it('clients find every door that a load balancer has', () => {
    assert.deepEqual(recordsFor({}).filter((record) => record.includes(' SRV ')), ['_imaps._tcp.example.com SRV 0 1 993 mail.example.com.', '_pop3s._tcp.example.com SRV 10 1 995 mail.example.com.', '_submissions._tcp.example.com SRV 0 1 465 mail.example.com.', '_submission._tcp.example.com SRV 10 1 587 mail.example.com.'])
  })

  it('DKIM records come from what domain show wrote, strings joined', () => {
    withFile(shown, (file) => {
      const [rsa, ed25519] = readDkimRecords(file)
      assert.deepEqual(rsa, { type: 'TXT', name: 'rsa202611._domainkey.example.com', value: `v=DKIM1; k=rsa; p=${'A'.repeat(237)}${'B'.repeat(140)}` })
      assert.equal(ed25519?.value, 'v=DKIM1; k=ed25519; p=abc')
    })
    withFile({ other: true }, (file) => assert.throws(() => readDkimRecords(file), /has no dnsRecords/))
  })

  it('records that are kept by hand are printed, not published', () => {
    const deployment = synthesise({ zone: 'Z0123456789', pages: 'none', ownRecords: 'MX example.com, TXT example.com' })
    const published = resourcesOf(deployment, 'AWS::Route53::RecordSet').map(([, { Properties: properties }]) => `${String(properties?.['Type'])} ${String(properties?.['Name'])}`)
    assert.ok(!published.includes('MX example.com.') && !published.includes('TXT example.com.'))
    assert.ok(published.includes('TXT _dmarc.example.com.'))
    const printed = Object.values((deployment.templates.get('domain')?.toJSON() as { Outputs: Record<string, { Value: string }> }).Outputs).map(({ Value }) => Value)
    assert.ok(printed.includes('example.com. MX 10 mail.example.com.'))
  })

  it('long keys are published in strings of 255 octets', () => {
    withFile(shown, (file) => {
      const records = resourcesOf(synthesise({ zone: 'Z0123456789', records: file }), 'AWS::Route53::RecordSet').map(([, { Properties: properties }]) => properties)
      const found = records.find((record) => record?.['Name'] === 'rsa202611._domainkey.example.com.')
      assert.match(String((found?.['ResourceRecords'] as string[])[0]), /^"v=DKIM1; k=rsa; p=A{237}" ?"B{140}"$/)
    })
  })
})

describe('what AWS must be asked for', () => {
  it('is text to send, with the place to send it, in what a deployment prints', () => {
    const [port25, reverse] = askPort25({ hostname: 'out.mail.example.com', address: '192.0.2.7', allocation: 'eipalloc-1', region: 'eu-west-1' })
    assert.match(port25?.value ?? '', /https:\/\/console\.aws\.amazon\.com\/support\/contacts\S* .*send: Elastic IP address: 192\.0\.2\.7\. Reverse DNS record: out\.mail\.example\.com\./)
    assert.match(reverse?.value ?? '', / run: aws ec2 modify-address-attribute --region eu-west-1 --allocation-id eipalloc-1 --domain-name out\.mail\.example\.com$/)
    const [production, login] = askProduction({ domain: 'example.com', hostname: 'mail.example.com', stack: 'other' }, 'eu-west-1')
    assert.match(production?.value ?? '', /https:\/\/console\.aws\.amazon\.com\/ses\/home\?region=eu-west-1#\/account send: Mail type: transactional\. Website: https:\/\/example\.com\./)
    assert.match(login?.value ?? '', /#\/smtp, then: npx pennypost --aws --stack other domain set example\.com --smarthost email-smtp\.eu-west-1\.amazonaws\.com:587 --smarthost-user NAME$/)
  })

  it('fits an output of CloudFormation', () => {
    for (const { description, value } of [...askProduction({ domain: 'example.com', hostname: 'mail.example.com', stack: 'pennypost' }, 'us-east-1'), ...askPort25({ hostname: 'out.mail.example.com', address: '192.0.2.7', allocation: 'eipalloc-1', region: 'us-east-1' })]) {
      assert.ok(description.length <= 1024, description)
      assert.ok(value.length <= 4096)
    }
  })
})
