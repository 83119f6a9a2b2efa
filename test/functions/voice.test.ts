import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'

/** What a function prints: its own process, since the log goes to its standard output and error. */
function say(script: string, level = 'info'): Record<string, unknown>[] {
  const program = `
    import { openVoice } from ${JSON.stringify(new URL('../../functions/voice.ts', import.meta.url).href)}
    const voice = openVoice('check-inbound', ${JSON.stringify(level)})
    const context = (awsRequestId) => ({ awsRequestId, functionName: 'f', memoryLimitInMB: '512', invokedFunctionArn: 'arn' })
    ${script}`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8', env: { AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand' } })
  // Warnings and errors go to standard error; Lambda reads both.
  return (stdout + stderr).split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>)
}

describe('the voice of a function', () => {
  it('says an event with its fields, the function and the request', () => {
    const [line] = say(`voice.begin(context('r1')); voice.log.info('filed', { queueId: 'q1', account: 'alice@ours.test', uid: 7 }); `)
    const { timestamp, ...rest } = line ?? {}
    assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
    assert.deepEqual(rest, { level: 'INFO', event: 'filed', function: 'check-inbound', request: 'r1', cold: true, queueId: 'q1', account: 'alice@ours.test', uid: 7 })
  })

  it('tells the first invocation of an environment from the others', () => {
    const lines = say(`for (const id of ['r1', 'r2']) { voice.begin(context(id)); voice.log.warn('died', { notes: 1 }); voice.end() }`)
    assert.deepEqual(lines.map(({ request, cold }) => [request, cold]), [['r1', true], ['r2', undefined]])
  })

  it('counts a few events for an operator, and publishes nothing when there was none', () => {
    const lines = say(`
      voice.begin(context('r1')); voice.log.info('filed', {}); voice.log.info('filed', {}); voice.log.error('check-failed', {}); voice.end()
      voice.begin(context('r2')); voice.log.info('checked', {}); voice.end()`)
    const published = lines.filter((line) => '_aws' in line)
    assert.equal(published.length, 1)
    assert.deepEqual([published[0]?.['service'], published[0]?.['Filed'], published[0]?.['Faults']], ['check-inbound', [1, 1], 1])
  })

  it('is silent below its level', () => assert.deepEqual(say(`voice.begin(context('r1')); voice.log.info('filed', {}); voice.log.debug('x', {})`, 'warn'), []))
})
