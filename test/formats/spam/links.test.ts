import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scanHtml } from '#lib/formats/spam/html.ts'
import { hostInText, isMixedScript, ownedDomain, readLink } from '#lib/formats/spam/links.ts'

test('HTML gives the text a person sees and the links with what stands on them', () => {
  const scan = scanHtml('<style>p{}</style><p>Pay&nbsp;now<br>or <A HREF="http://x.example/?a=1&amp;b">click <b>here</b></A><!-- <a href="no"> --><script>var a="<p>"</script><img src=x><form></form><i style="display:none">q</i>')
  assert.equal(scan.text, 'Pay now or click hereq')
  assert.deepEqual(scan.links, [{ href: 'http://x.example/?a=1&b', text: 'click here' }])
  assert.deepEqual([scan.images, scan.forms, scan.scripts, scan.hidden], [1, 1, 1, 1])
})

test('what a link looks like tells where it leads', () => {
  const facts = (href: string) => {
    const link = readLink(href)
    return link === undefined ? undefined : [link.host, ...(['isIp', 'hasUser', 'punycode', 'port'] as const).filter((word) => link[word])]
  }
  assert.deepEqual(facts('https://Bank.Example./login'), ['bank.example'])
  assert.deepEqual(facts('http://bank.example@192.0.2.1:8080/'), ['192.0.2.1', 'isIp', 'hasUser', 'port'])
  assert.deepEqual(facts('https://xn--bnk-sna.example'), ['xn--bnk-sna.example', 'punycode'])
  assert.deepEqual(facts('http://2130706433/'), ['2130706433', 'isIp'])
  assert.equal(facts('mailto:a@b.example'), undefined)
  assert.equal(facts('https://'), undefined)
})

test('hosts of one owner, hosts in text, letters of two scripts', () => {
  assert.equal(ownedDomain('a.b.bank.co.uk'), 'bank.co.uk')
  assert.equal(ownedDomain('www.bank.example'), 'bank.example')
  assert.equal(hostInText(' https://www.bank.example/login '), 'www.bank.example')
  assert.equal(hostInText('click here'), undefined)
  assert.ok(isMixedScript('xn--pypal-4ve.example'))
  assert.ok(!isMixedScript('xn--mller-kva.example'))
})
