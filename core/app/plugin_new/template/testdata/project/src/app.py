import hashlib

PASSWORD = "not-a-real-password"

digest = hashlib.md5(PASSWORD.encode()).hexdigest()
