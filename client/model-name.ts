/** A model's name, as the policy's schema wants it. Names go into workflow ids, queries and addresses. */
export const MODEL_NAME = /^[a-z0-9](-?[a-z0-9]){0,39}$/;
