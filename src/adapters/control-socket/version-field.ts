/** The field of an answer that says which version of the relay gave it. */
export const VERSION_FIELD = "waypost-version";
