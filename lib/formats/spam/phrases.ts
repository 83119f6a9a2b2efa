/**
 * Phrases of fraud and of selling, in the languages most seen. Each group counts once, whatever the number of its
 * phrases found, so that a long honest text does not add up. Matched against lower case text of the subject and body.
 */
export const phrases = {
  /** Fear for an account. English, German, French, Dutch, Portuguese, Spanish, Italian. */
  account:
    /(verify|confirm|update|validate|restore|unlock) (your|ur) (\w+ ){0,3}(account|identity|information|details|wallet|e-?mail|mailbox|payment|billing|card)|account (has been|was|is|will be) (\w+ )?(suspended|limited|locked|deactivated|disabled|restricted|closed|blocked)|unusual (sign-?in|log-?in|activity)|suspicious (activity|log-?in|sign-?in|transaction)|password (will|is about to|has) expire|(konto|zugang) (wurde |ist |wird )?(\w+ )?(gesperrt|eingeschränkt|deaktiviert|ausgesetzt)|(ihre|ihr|deine?) (\w+ )?(daten|konto|identität|angaben|zugangsdaten) (\w+ ){0,3}(bestätigen|verifizieren|aktualisieren|überprüfen)|(compte|accès) (a été|est|sera) (\w+ )?(suspendu|bloqué|limité|désactivé)|(confirme[rz]|vérifie[rz]|valide[rz]|mettre à jour) (vos|votre) (\w+ ){0,2}(compte|informations|données|identité|coordonnées)|(uw|je) (\w+ )?(rekening|account|pas|betaalpas|gegevens) (\w+ ){0,4}(geblokkeerd|verlopen|bevestigen|verifiëren|bijwerken|geschorst|opgeschort)|(sua|seu) (conta|cadastro|acesso|senha|cpf) (\w+ ){0,4}(suspens[ao]|bloquead[ao]|irregular|expirad?o?|desativad[ao])|(atualiz|confirm|regulariz)(e|ar) (os |a |o |as )?(seus?|suas?) (\w+ )?(dados|conta|cadastro|informações)|(su|tu) cuenta (\w+ ){0,3}(suspendida|bloqueada|limitada|desactivada)|(verific|confirm|actualiz)(a|ar|e|ue) (su|tu|sus|tus) (\w+ )?(cuenta|datos|información|identidad)|(suo|tuo) (conto|account) (\w+ ){0,3}(sospeso|bloccato|limitato)/,
  /** Money from nowhere. */
  fortune:
    /\b(next of kin|deceased (client|customer)|late (client|husband) |sum of (us ?)?\$|million (us |united states )?dollars|million (euro|usd|pounds)|unclaimed (fund|inheritance|prize)|inheritance fund|lottery (winner|promotion)|you (have|'ve) won|winning (number|notification)|beneficiary|compensation fund|atm (visa )?card|western union|money ?gram|bank draft|consignment box|donation of (\$|€|\d)|transfer (the|this) (fund|money|sum)|strictly confidential|trunk box|barrister|foreign (partner|account)|investment (proposal|funding)|loan offer|crypto (wallet|recovery|investment)|bitcoin (wallet|address|profit)|erbschaft|lotteriegewinn|sie haben gewonnen|herdeiro|herança|você ganhou|vous avez gagné|héritage|ha ganado|herencia)\b/,
  /** Blackmail with a recorded webcam. */
  blackmail: /\b(i (have )?(recorded|hacked|infected)|your (webcam|camera) (\w+ ){0,3}(record|video)|pervert|masturbat\w+|send (the )?(bitcoin|btc|payment) to (my|this) (wallet|address)|my bitcoin (wallet|address)|ich habe sie (gehackt|aufgezeichnet)|seu dispositivo foi (hackeado|invadido))\b/,
  /** Hurry. */
  urgency:
    /\b(within (24|48|72|12) ?(hours|hrs|h)|(last|final) (warning|notice|reminder)|act (now|immediately|fast)|immediate (action|attention)|urgent(ly)? (action|response|attention|reply)|expires? (today|tomorrow|soon)|before it'?s too late|limited time|innerhalb von (24|48|72) stunden|letzte (mahnung|erinnerung|warnung)|sofort(ige)? (handeln|maßnahme)|umgehend|dans les (24|48|72) heures|dernier (rappel|avis)|binnen (24|48|72) uur|laatste (herinnering|waarschuwing)|em até (24|48|72) ?h|último aviso|última chance|prazo (final|de)|último recordatorio|ultimo avviso)\b/,
  /** Click here. */
  click: /\b(click (here|below|the (link|button))|klicken sie (hier|auf)|hier klicken|cliquez (ici|sur)|klik (hier|op)|clique (aqui|no|abaixo|em)|haga clic|haz clic|clicca qui)\b/,
  /** Parcels that wait for a fee. */
  parcel:
    /\b((package|parcel|shipment|delivery) (\w+ ){0,4}(pending|on hold|suspended|could not be delivered|waiting|failed)|(paket|sendung|lieferung) (\w+ ){0,5}(wartet|zurückgehalten|nicht zugestellt|ausstehend|zollgebühr\w*)|(colis|livraison) (\w+ ){0,4}(en attente|suspendue?|frais)|(pakket|zending|bestelling) (\w+ ){0,5}(wacht|vastgehouden|kosten)|(encomenda|pacote|entrega) (\w+ ){0,4}(retid[ao]|aguardando|pendente|taxad[ao]))\b/,
  /** Selling: pills, watches, casinos, software, weight, dates. */
  selling:
    /\b(viagra|cialis|levitra|tramadol|phentermine|xanax|valium|ambien|vicodin|pharmac(y|ies) (online|store)|online pharmacy|canadian pharmacy|replica (watches|rolex|handbag)|rolex|male enhancement|penis|erectile|enlarge(ment)? (your|pill)|weight ?loss|lose (weight|\d+ (pounds|lbs))|burn fat|(online )?casino|free spins|refinance|mortgage rates?|lowest (price|rate)s?|cheap (meds|software|pills)|oem software|adult (site|dating)|hot (girls|singles|teens)|xxx|porn|russian (bride|women)s?|work (from|at) home|be your own boss|financial freedom|earn (extra|\$)|make money|get rich|extra income|risk[- ]free|100% (free|guaranteed|natural|satisfied)|money[- ]back guarantee|no (obligation|credit check|prescription)|toner cartridges?|university diplom\w+|bulk e-?mail|e-?mail addresses|seo (services|ranking)|abnehmen|potenzmittel|abzunehmen|gewinnspiel|emagrec\w+|perdre du poids|afvallen|cbd (gummies|oil)|keto)\b/,
  /** Gift cards and prizes for a survey. */
  prize: /\b(gift ?card|(claim|collect) (your|my) (reward|prize|gift|bonus)|you('ve| have) been (selected|chosen)|congratulations!?|exclusive reward|survey reward|glückwunsch|herzlichen glückwunsch|sie wurden ausgewählt|félicitations|gefeliciteerd|parabéns|felicidades|gutschein|cadeau(bon|kaart)|vale[- ]presente)\b/,
  /** Words that the law or the seller's service puts below: "not spam", "remove me". */
  excuse: /(this (e-?mail|message) (is|was) (not|never) (spam|unsolicited)|not spam|s\. ?1618|section 301|to be removed from|remove(d)? (from )?(our|this|the|my) (mailing )?list|reply with (the word )?"?remove|you are receiving this (e-?mail |special )?(because|as|offer)|opt[- ]?(in|out) (list|program|database)|if you (wish|want|would like|no longer wish) to (be removed|unsubscribe|opt|receive))/,
} as const

/** Firms whose name in a sender's display name must go with their own domain. Name pattern, then what the domain must hold. */
export const brands: readonly (readonly [RegExp, RegExp])[] = [
  [/\bpaypal\b/, /paypal/],
  [/\bamazon\b/, /amazon|aws/],
  [/\b(apple|icloud|itunes)\b/, /apple|icloud/],
  [/\b(microsoft|office ?365|onedrive|outlook (team|support|admin)|microsoft ?365)\b/, /microsoft|office|outlook|azure/],
  [/\bnetflix\b/, /netflix/],
  [/\bfacebook\b|\bmeta (business|support|for business|pay)\b|\binstagram\b|\bwhatsapp\b/, /facebook|meta|instagram|whatsapp/],
  [/\b(dhl|fedex|ups|usps|dpd|hermes|royal mail|la poste|chronopost|postnl|bpost|correios|deutsche post|swiss post|gls)\b/, /dhl|fedex|ups|usps|dpd|hermes|royalmail|laposte|chronopost|postnl|bpost|correios|post|gls/],
  [/\b(dropbox|docusign|wetransfer|adobe sign|sharepoint)\b/, /dropbox|docusign|wetransfer|adobe|sharepoint/],
  [/\b(coinbase|binance|metamask|trust ?wallet|ledger|kraken|blockchain|opensea)\b/, /coinbase|binance|metamask|trustwallet|ledger|kraken|blockchain|opensea/],
  [/\b(bank of america|wells fargo|chase|citibank|hsbc|barclays|santander|sparkasse|volksbank|commerzbank|deutsche bank|postbank|n26|ing|rabobank|abn amro|bradesco|ita[uú]|caixa|nubank|banco do brasil|crédit agricole|bnp paribas|credit agricole|revolut|american express|amex|visa|mastercard|dkb|comdirect)\b/, /bank|wellsfargo|chase|citi|hsbc|barclays|santander|sparkasse|commerz|n26|ing|rabo|abn|bradesco|itau|caixa|nu|bb\.|agricole|bnp|revolut|americanexpress|aexp|visa|mastercard|dkb|comdirect/],
  [/\b(mcafee|norton|geek squad|avast|antivirus)\b/, /mcafee|norton|bestbuy|avast/],
  [/\b(ebay|walmart|costco|home depot|lowe'?s|aldi|lidl|mercado ?livre|shein|temu|starbucks|kohl'?s|cvs|walgreens)\b/, /ebay|walmart|costco|homedepot|lowes|aldi|lidl|mercado|shein|temu|starbucks|kohls|cvs|walgreens/],
  [/\b(web ?mail|mail ?box|e-?mail|it|domain|cpanel|zimbra|server) (admin\w*|support|team|service|help ?desk|security|quota|notification|storage)\b/, /^$/],
  [/\b(irs|finanzamt|hmrc|receita federal|impots|belastingdienst|elster|bundeszentralamt|detran|serasa|digid|mijnoverheid|ameli)\b/, /irs\.gov|gov|finanzamt|bund\.de|impots|belastingdienst|elster|serasa|digid|overheid|ameli/],
]
