import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { Metrics } from '#lib/base/metrics.ts'
import { listenHttp } from '#lib/serve/http/listen.ts'

test('health and metrics are told, everything else is not there', async () => {
  const metrics = new Metrics()
  metrics.counter('pennypost_tests_total', 'Tests run.').add()
  const log = makeLog(() => undefined, { now: () => 0 })
  const web = await listenHttp({ metrics, proxyTrusted: [], tls: undefined, clock: systemClock, log }, { host: '127.0.0.1', port: 0, implicitTls: false })
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${web.port}${path}`, { method })
  assert.deepEqual(await (await get('/health')).json(), { status: 'ok' })
  assert.match(await (await get('/metrics?x')).text(), /^pennypost_tests_total 1$/m)
  assert.equal((await get('/etc/passwd')).status, 404)
  assert.equal((await get('/health', 'POST')).status, 404)
  await web.stop(100)
  assert.equal(web.connections(), 0)
})
