import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from '#lib/base/metrics.ts'

test('counters, gauges and histograms come out as Prometheus reads them', () => {
  const metrics = new Metrics()
  const mx = metrics.counter('mails_total', 'Mails.', { port: 'mx' })
  metrics.counter('mails_total', 'Mails.', { port: 'a"b\\c\nd' })
  metrics.gauge('open', 'Open now.', () => 3)
  const seconds = metrics.histogram('took_seconds', 'How long.', [0.1, 1])
  mx.add()
  mx.add(2)
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value)
  assert.equal(
    metrics.text(),
    [
      '# HELP mails_total Mails.',
      '# TYPE mails_total counter',
      'mails_total{port="mx"} 3',
      'mails_total{port="a\\"b\\\\c\\nd"} 0',
      '# HELP open Open now.',
      '# TYPE open gauge',
      'open 3',
      '# HELP took_seconds How long.',
      '# TYPE took_seconds histogram',
      'took_seconds_bucket{le="0.1"} 2',
      'took_seconds_bucket{le="1"} 3',
      'took_seconds_bucket{le="+Inf"} 4',
      'took_seconds_sum 7.65',
      'took_seconds_count 4',
      '',
    ].join('\n'),
  )
})

test('the same metric cannot be made twice', () => {
  const metrics = new Metrics()
  metrics.counter('a_total', 'A.')
  assert.throws(() => metrics.counter('a_total', 'A.'))
  assert.throws(() => metrics.gauge('a_total', 'A.', () => 0, { b: 'c' }))
})
