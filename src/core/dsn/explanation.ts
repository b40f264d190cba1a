/** What a failure means to whoever sent the message, and what to do. */
export interface Explanation {
  readonly what: string;
  readonly advice: string;
}

const ASK_ADMINISTRATOR = "If you do not know why, show this report to your mail administrator.";

// By subject and detail of RFC 3463 (and its registry); a subject alone stands for all of its details.
const EXPLANATIONS: Readonly<Record<string, Explanation>> = {
  "1.1": {
    what: "There is no such mailbox.",
    advice: "Check the address for a slip of the pen, and send the message again.",
  },
  "1.2": {
    what: "The domain behind the @ does not exist, or has no mail server.",
    advice: "Check the address for a slip of the pen, and send the message again.",
  },
  "1.3": { what: "The address is not valid there.", advice: "Check the address, and send the message again." },
  "1.6": {
    what: "The mailbox has moved, and left no new address.",
    advice: "Ask the recipient for the new address in another way.",
  },
  "1.8": { what: "The sender's address is not accepted there.", advice: ASK_ADMINISTRATOR },
  "1.10": {
    what: "The domain behind the @ says that it takes no mail at all.",
    advice: "Ask the recipient for another address.",
  },
  "2.1": { what: "The mailbox is closed.", advice: "Reach the recipient in another way." },
  "2.2": {
    what: "The mailbox is full.",
    advice: "Send the message again later, or reach the recipient in another way.",
  },
  "2.3": {
    what: "The message is larger than the mailbox takes.",
    advice: "Send it with smaller attachments, or with a link to them.",
  },
  "3.4": {
    what: "The message is larger than the receiving server takes.",
    advice: "Send it with smaller attachments, or with a link to them.",
  },
  "4.3": {
    what: "The domain behind the @ could not be looked up.",
    advice: "Its name servers do not answer. Check the address, or send the message again later.",
  },
  "4.6": { what: "The message went round in circles between mail servers.", advice: ASK_ADMINISTRATOR },
  "4.7": {
    what: "The message could not be handed over in all the time that it was tried.",
    advice: "The receiving server was away, or kept putting it off. Send the message again later.",
  },
  "6.3": {
    what: "The receiving server takes plain ASCII text only, and this message cannot be converted without harm.",
    advice: ASK_ADMINISTRATOR,
  },
  "6.7": {
    what: "The receiving server does not take addresses with characters beyond ASCII.",
    advice: "Ask the recipient for an address in plain letters.",
  },
  "6.9": {
    what: "The receiving server does not take headers with raw characters beyond ASCII.",
    advice: ASK_ADMINISTRATOR,
  },
  "7": {
    what: "The receiving server's rules do not let this message in.",
    advice: "What it said is below; its administrators know more.",
  },
};

const OTHERWISE: Explanation = {
  what: "The receiving server refused the message.",
  advice: "What it said is below; its administrators know more.",
};

/** `means` where an operator of the relay ended it. */
export const BY_OPERATOR = "operator";

const ENDED: Explanation = {
  what: "The administrator of this mail relay ended the delivery before it was made.",
  advice: ASK_ADMINISTRATOR,
};

/**
 * `status` is an enhanced status code of RFC 3463: `5.1.1`. `means` goes before the code of an expiry: the code of what was
 * met last says more than that the time is over.
 */
export function explanationOf(status: string, means?: string): Explanation {
  if (means === BY_OPERATOR) return ENDED;
  const [, subject = "", detail = ""] = status.split(".");
  const met = means === undefined ? undefined : EXPLANATIONS[means.split(".").slice(1).join(".")];
  return met ?? EXPLANATIONS[`${subject}.${detail}`] ?? EXPLANATIONS[subject] ?? OTHERWISE;
}
