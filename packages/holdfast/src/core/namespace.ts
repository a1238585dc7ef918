/** Of an app that names none: what most stores hold alone. The schemas say it too, by test. */
export const NAMESPACE_DEFAULT = "main";
