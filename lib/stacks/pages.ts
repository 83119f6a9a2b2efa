/**
 * Web pages under names of the domain: the MTA-STS policy and the settings of clients. Two fixed texts, given by the
 * gateway itself: no function, no bucket, nothing to pay while nobody asks.
 */
import { DomainName, EndpointType, MethodLoggingLevel, MockIntegration, PassthroughBehavior, RestApi, SecurityPolicy } from 'aws-cdk-lib/aws-apigateway'
import type { IRestApi } from 'aws-cdk-lib/aws-apigateway'
import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager'
import { ARecord, RecordTarget, TxtRecord } from 'aws-cdk-lib/aws-route53'
import type { IHostedZone } from 'aws-cdk-lib/aws-route53'
import { ApiGatewayDomain } from 'aws-cdk-lib/aws-route53-targets'
import { acknowledge } from './acknowledge.ts'
import type { MailStack } from './mailStack.ts'
import { autoconfig, stsPolicy, stsRecord } from './pageTexts.ts'

export function addPages(stack: MailStack, zone: IHostedZone, mode: 'testing' | 'enforce'): void {
  const { domain, hostname } = stack.choices
  const policy = stsPolicy(mode, hostname)
  const api = new RestApi(stack, 'Pages', {
    restApiName: `${stack.choices.stack}-pages`,
    description: 'Pennypost: MTA-STS policy and settings of clients',
    endpointTypes: [EndpointType.REGIONAL],
    disableExecuteApiEndpoint: true,
    cloudWatchRole: false,
    deployOptions: { throttlingRateLimit: 20, throttlingBurstLimit: 50, loggingLevel: MethodLoggingLevel.OFF },
  })
  addPage(api, '/.well-known/mta-sts.txt', 'text/plain', policy)
  addPage(api, '/mail/config-v1.1.xml', 'text/xml', autoconfig(domain, hostname))
  acknowledgePages(api)
  const names = [`mta-sts.${domain}`, `autoconfig.${domain}`] as const
  const certificate = new Certificate(stack, 'PagesCertificate', { domainName: names[0], subjectAlternativeNames: [names[1]], validation: CertificateValidation.fromDns(zone) })
  for (const name of names) {
    // The declarations of CDK do not meet exactOptionalPropertyTypes; a RestApi is an IRestApi.
    const served = new DomainName(stack, `Page-${name}`, { domainName: name, certificate, endpointType: EndpointType.REGIONAL, securityPolicy: SecurityPolicy.TLS_1_2, mapping: api as IRestApi })
    new ARecord(stack, `A-${name}`, { zone, recordName: `${name}.`, target: RecordTarget.fromAlias(new ApiGatewayDomain(served)) })
  }
  new TxtRecord(stack, 'TXT-mta-sts', { zone, recordName: `_mta-sts.${domain}.`, values: [stsRecord(policy)] })
}

/** The gateway finds its templates by the type that an integration has by itself; what the client hears is the header. */
function addPage(api: RestApi, path: string, type: string, text: string): void {
  api.root.resourceForPath(path).addMethod(
    'GET',
    new MockIntegration({
      passthroughBehavior: PassthroughBehavior.NEVER,
      requestTemplates: { 'application/json': '{"statusCode": 200}' },
      integrationResponses: [{ statusCode: '200', responseTemplates: { 'application/json': text }, responseParameters: { 'method.response.header.Content-Type': `'${type}'` } }],
    }),
    { methodResponses: [{ statusCode: '200', responseParameters: { 'method.response.header.Content-Type': true } }] },
  )
}

function acknowledgePages(api: RestApi): void {
  const fixed = 'Two fixed public texts are all there is: nothing is asked for, kept or called.'
  acknowledge(api, {
    'AwsSolutions-APIG1': fixed,
    'AwsSolutions-APIG2': fixed,
    'AwsSolutions-APIG3': fixed,
    'AwsSolutions-APIG4': 'Other mail servers and clients that have no account yet must be able to read them.',
    'AwsSolutions-APIG6': fixed,
    'AwsSolutions-COG4': 'Other mail servers and clients that have no account yet must be able to read them.',
    'Serverless-APIGWAccessLogging': fixed,
    'Serverless-APIGWStructuredLogging': fixed,
    'Serverless-APIGWXrayEnabled': fixed,
  })
}
