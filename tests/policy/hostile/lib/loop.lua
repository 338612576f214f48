-- Imports itself.
import("loop")
return {}
